/** What the workload of a run means, for the checker. */
import { deriveId } from "../../../event/mod.ts";
import { ruleOf, type Rules } from "../checker/mod.ts";
import { Tally } from "../fleet/tally.ts";
import { Account, Audit, Reminder } from "./workload/actors.ts";
import { Spending, Sums } from "./workload/reactions.ts";

const NOTHING: Readonly<Record<string, number>> = {};
/** What each event adds to its account. */
const SIGNS: Readonly<Record<string, number>> = {
  Deposited: 1,
  Refunded: 1,
  Paid: -1,
};

/** The rules of the workload. */
export const RULES: Rules = {
  actors: {
    tally: ruleOf<{ sum: number }>(
      Tally,
      ({ sum }) => sum < 0 ? `a sum of ${sum}` : undefined,
    ),
    account: ruleOf<{ balance: number }>(
      Account,
      ({ balance }) => balance < 0 ? `a balance of ${balance}` : undefined,
    ),
    reminder: ruleOf(Reminder),
    audit: ruleOf(Audit),
  },
  policies: [{
    name: Spending.name,
    on: ({ actorId, type }) => actorId.startsWith("tally-") && type === "Spent",
    source({ actorId, data, type }) {
      if (!actorId.startsWith("audit-") || type !== "Noted") return undefined;
      const { of, version } = data as { of: string; version: number };
      return { actorId: of, version };
    },
    commandId: ({ commitId, version }) =>
      deriveId(commitId, `/${Spending.durable}@${version}#0`),
  }],
  projections: {
    [Sums.name]: {
      key: ({ actorId }) => actorId.startsWith("tally-") ? actorId : undefined,
      initial: Sums.initial,
      apply(document, { data, type }) {
        const { events, sum } = document as { events: number; sum: number };
        const { by } = data as { by: number };
        return {
          sum: type === "Spent" ? sum - by : sum + by,
          events: events + 1,
        };
      },
    },
  },
  money: {
    moved({ actorId, data, type }) {
      if (!actorId.startsWith("account-")) return 0;
      const { amount = 0 } = (data ?? NOTHING) as { amount?: number };
      return (SIGNS[type] ?? 0) * amount;
    },
    carried({ input, to }) {
      if (!to.startsWith("account-")) return 0;
      return (input as { amount?: number } | undefined)?.amount ?? 0;
    },
  },
};
