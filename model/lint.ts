/** Looks for what a model leaves open or gets wrong. */
import { InvalidArgumentError } from "../event/mod.ts";
import { boardOf } from "./board.ts";
import {
  type Look,
  lookAtCauses,
  lookAtCommands,
  lookAtContexts,
  lookAtHandling,
  lookAtHotspots,
  lookAtPersonal,
  lookAtPolicies,
  lookAtSources,
  lookAtTense,
  lookAtTriggers,
} from "./_lint_rules.ts";
import type { Model } from "./words.ts";

/** The names of the linter's rules. */
export type LintRuleName =
  | "event-past-tense"
  | "command-without-event"
  | "event-without-cause"
  | "event-unhandled"
  | "policy-without-trigger"
  | "policy-without-effect"
  | "field-without-source"
  | "aggregate-in-two-contexts"
  | "open-hotspot"
  | "personal-without-subject";

/** One rule of the linter. */
export interface LintRule {
  /** Its name: what it is switched off by. */
  readonly name: LintRuleName;
  /** Why it matters. */
  readonly reason: string;
  /** What to do about what it finds. */
  readonly fix: string;
}

/** Something a rule found. */
export interface LintFinding {
  /** The rule. */
  readonly rule: LintRuleName;
  /** The note, or its field, such as `account.Deposit`. */
  readonly at: string;
  /** What is so there. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
}

/** What is not looked for. */
export interface LintOptions {
  /** Rules that are switched off. */
  readonly off?: readonly LintRuleName[];
  /** Notes that a rule leaves alone, by rule. */
  readonly except?: Readonly<Partial<Record<LintRuleName, readonly string[]>>>;
}

const RULES: readonly (LintRule & { readonly look: Look })[] = [
  {
    name: "event-past-tense",
    reason:
      "An event is a fact: a name that commands or describes hides that it cannot be undone.",
    fix:
      "Name what has happened, such as OrderPlaced; in another language than English, switch the rule off.",
    look: lookAtTense,
  },
  {
    name: "command-without-event",
    reason:
      "A command that leads to nothing leaves no trace: nobody can tell that it was given.",
    fix: "Name the events in `emits`, or make it a query.",
    look: lookAtCommands,
  },
  {
    name: "event-without-cause",
    reason:
      "Nothing happens by itself: the command that leads to it is missing.",
    fix: "Name it in the `emits` of a command.",
    look: lookAtCauses,
  },
  {
    name: "event-unhandled",
    reason:
      "What nobody takes note of need not be stored, or somebody was forgotten.",
    fix:
      "Name it in a policy, a read model or a system, or give its aggregate a query.",
    look: lookAtHandling,
  },
  {
    name: "policy-without-trigger",
    reason: 'A policy says "whenever this happens"; without it, it never runs.',
    fix: "Name its events in `on`.",
    look: lookAtTriggers,
  },
  {
    name: "policy-without-effect",
    reason: "A policy that does nothing is a read model, or unfinished.",
    fix: "Name its commands in `sends` or its systems in `calls`.",
    look: lookAtPolicies,
  },
  {
    name: "field-without-source",
    reason:
      "Information completeness: what is shown has to come from an event, or it cannot be shown.",
    fix:
      "Add the field to an event of the read model, or name where it comes from in the field's `from`.",
    look: lookAtSources,
  },
  {
    name: "aggregate-in-two-contexts",
    reason: "Its words would have two meanings.",
    fix: "Split it, one for each context.",
    look: lookAtContexts,
  },
  {
    name: "open-hotspot",
    reason:
      "A question nobody has answered is answered by whoever writes the code.",
    fix: "Say how it was settled in `settled`.",
    look: lookAtHotspots,
  },
  {
    name: "personal-without-subject",
    reason:
      "What is about a person has to be found and erased by whom it is about.",
    fix:
      "Mark the field that names the person as `subject`, or the aggregate as `keyIsSubject`.",
    look: lookAtPersonal,
  },
];

/** All rules, with their reasons and fixes. */
export const LINT_RULES: readonly LintRule[] = Object.freeze(
  RULES.map(({ name, reason, fix }) => Object.freeze({ name, reason, fix })),
);

/**
 * Looks for what a model leaves open or gets wrong.
 *
 * @returns What was found, in the order of {@link LINT_RULES}; nothing is well.
 * @throws {InvalidArgumentError} `invalid_argument`: a rule that does not exist
 * is switched off.
 * @example A policy that never runs
 * ```ts
 * import { lint } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const shop = { name: "shop", policies: { remind: {} } };
 * assert.deepEqual(
 *   lint(shop, { off: ["policy-without-effect"] }).map(({ rule, at }) => [rule, at]),
 *   [["policy-without-trigger", "policy:remind"]],
 * );
 * ```
 */
export function lint(model: Model, options: LintOptions = {}): LintFinding[] {
  const { off = [], except = {} } = options;
  for (const name of [...off, ...Object.keys(except)]) {
    if (RULES.some((rule) => rule.name === name)) continue;
    throw new InvalidArgumentError(
      `Cannot switch off a rule that does not exist: got "${name}", known: ${
        RULES.map((rule) => rule.name).join(", ")
      }`,
    );
  }
  const looked = { model, board: boardOf(model) };
  return RULES.filter(({ name }) => !off.includes(name)).flatMap((rule) =>
    rule.look(looked)
      .filter(({ at }) => !except[rule.name]?.includes(at))
      .map(({ at, message }) => ({
        rule: rule.name,
        at,
        message,
        fix: rule.fix,
      }))
  );
}
