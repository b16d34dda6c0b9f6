/** What the events of the model world mean, told to the checker. */
import type { RecordedEvent, Rules } from "../checker/mod.ts";

/** The state of any actor of this world. */
export interface State {
  readonly version: number;
  readonly sum: number;
}
/** States, the policy, the projection, and where the money is. */
export const RULES: Rules = {
  actors: Object.fromEntries(
    ["tally", "account", "reminder", "audit"].map((type) => [type, {
      initial: () => ({ version: 0, sum: 0 }),
      apply: (state, { data, type }) => applied(state as State, type, data),
      broken: (state) =>
        (state as State).sum < 0 ? "the sum is below zero" : undefined,
    }]),
  ),
  policies: [{
    name: "each addition is noted",
    on: ({ actorId, type }) => actorId.startsWith("tally-") && type === "Added",
    source({ actorId, data }) {
      if (!actorId.startsWith("audit-")) return undefined;
      const { source, version } = data as { source: string; version: number };
      return { actorId: source, version };
    },
    commandId: noteOf,
  }],
  projections: {
    sums: {
      key: ({ actorId }) => actorId.startsWith("tally-") ? actorId : undefined,
      initial: () => 0,
      apply: (sum, { data, type }) => (sum as number) + amountOf(type, data),
    },
  },
  money: {
    moved: ({ actorId, data, type }) =>
      actorId.startsWith("account-") ? amountOf(type, data) : 0,
    carried: ({ input }) => (input as { amount?: number })?.amount ?? 0,
    paysOut: ({ data }) => (data as { out?: boolean }).out === true,
  },
};

/**
 * The state behind an event.
 *
 * @throws Of one that no actor of this world knows.
 */
export function applied(
  { sum, version }: State,
  type: string,
  data: unknown,
): State {
  if (!TYPES.includes(type)) throw new Error(`no handler for "${type}"`);
  return { version: version + 1, sum: sum + amountOf(type, data) };
}

/** How much more an event gives its actor. */
export function amountOf(type: string, data: unknown): number {
  const { amount = 0, by = 0 } = data as { amount?: number; by?: number };
  return type === "Spent" || type === "Withdrawn" ? -amount - by : amount + by;
}

/** Id of the command that the policy sends for an event. */
export function noteOf({ id }: RecordedEvent): string {
  return `note of ${id}`;
}

const TYPES: readonly string[] = [
  ...["Added", "Spent", "Deposited", "Withdrawn"],
  ...["Set", "Unset", "Fired", "Noted"],
];
