/** The actors of the model world: what is asked of them, and what they decide. */
import type { RecordedEffect } from "../checker/mod.ts";
import type { Chance } from "./chance.ts";
import type { State } from "./meaning.ts";

/** A command on its way to an actor. */
export interface Command {
  readonly id: string;
  readonly to: string;
  readonly name: string;
  readonly input?: Data | undefined;
  readonly rejectionId?: string | undefined;
  readonly from?: string | undefined;
}

/** What commands are given, and events say. */
export type Data = Readonly<Record<string, string | number | boolean>>;

/** What an actor makes of a command. */
export interface Decision {
  readonly events?: readonly (readonly [type: string, data: Data])[];
  readonly effects?: readonly Partial<RecordedEffect>[];
  readonly rejected?: string;
}
/** A command that some caller wants. */
export function drawn(chance: Chance, id: string): Command {
  const key = chance.below(3);
  const amount = 1 + chance.below(20);
  const kind = chance.below(100);
  const tally = `tally-${key}`;
  const account = `account-${key}`;
  if (kind < 25) return { id, to: tally, name: "add", input: { by: amount } };
  if (kind < 30) return { id, to: tally, name: "addTwice" };
  if (kind < 40) {
    return { id, to: tally, name: "spend", input: { by: amount } };
  }
  if (kind < 44) return { id, to: tally, name: "leave" };
  if (kind < 55) {
    const much = { amount: amount * 10 };
    return { id, to: account, name: "deposit", input: much };
  }
  if (kind < 60) {
    return { id, to: account, name: "withdraw", input: { amount } };
  }
  if (kind < 80) {
    const to = chance.pick(["account-1", "account-2", "account-closed"]);
    const name = chance.pick(["transfer", "transfer", "give"]);
    return { id, to: "account-0", name, input: { amount, to } };
  }
  const to = `reminder-${key}`;
  const name = chance.pick(["a", "b"]);
  if (kind < 85) return { id, to, name: "forget", input: { name } };
  const after = chance.isLikely(10) ? 1e9 : chance.below(3_000);
  return { id, to, name: "remind", input: { name, after } };
}
/** What an actor makes of a command. */
export function decide(
  { input = {}, name, to }: Command,
  { sum }: State,
  now: number,
): Decision {
  const amount = input.amount as number;
  switch (name) {
    case "add":
    case "addTwice": {
      const added = ["Added", { by: input.by ?? 1 }] as const;
      return { events: name === "add" ? [added] : [added, added] };
    }
    case "spend":
      if ((input.by as number) > sum) return { rejected: "too_much" };
      return { events: [["Spent", { by: input.by! }]] };
    case "deposit":
      if (to === "account-closed") return { rejected: "closed" };
      return { events: [["Deposited", { amount }]] };
    case "refund":
      return { events: [["Deposited", { amount }]] };
    case "withdraw":
      if (amount > sum) return { rejected: "insufficient" };
      return { events: [["Withdrawn", { amount, out: true }]] };
    case "transfer":
    case "give": {
      if (amount > sum) return { rejected: "insufficient" };
      const send = {
        kind: "send",
        to: input.to as string,
        input: { amount },
        ...(name === "give" ? {} : { rejectionId: "refund" }),
      } as const;
      return { events: [["Withdrawn", { amount }]], effects: [send] };
    }
    case "remind": {
      const due = now + (input.after as number);
      const timer = input.name as string;
      return {
        events: [["Set", {}]],
        effects: [{ kind: "schedule", name: timer, due }],
      };
    }
    case "forget":
      return {
        events: [["Unset", {}]],
        effects: [{ kind: "cancel", name: input.name as string }],
      };
    case "fire":
      // Some set themselves again, in the commit by which they fire.
      return {
        events: [["Fired", {}]],
        effects: now % 4 > 0
          ? []
          : [{ kind: "schedule", name: input.name as string, due: now + 500 }],
      };
    case "note":
      return { events: [["Noted", input]] };
  }
  return {};
}
