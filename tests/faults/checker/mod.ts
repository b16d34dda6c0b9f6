/**
 * Says whether what a run of faults left behind is what Aether promises.
 *
 * Pure: it is given a record and the meaning of the workload, and does nothing but
 * compare the two. Of the code that it judges it runs the table of errors, to know
 * their codes, and the event handlers of definitions that rules are made of.
 *
 * | invariant | what must be so                     | how it is told                            |
 * | --------- | ----------------------------------- | ----------------------------------------- |
 * | I1        | what was acknowledged is stored     | each `ok` of the journal has its events in the log, at the versions and in the commit it was told |
 * | I2        | versions 1..n, a log in order       | one pass over the log                     |
 * | I3        | calls one after the other           | a call stores behind, and a read sees, all that was acknowledged or read before it began; a read's state is the fold of its version; no state is one that no decision allows |
 * | I4        | a command takes effect once at most | its id is in one commit, which remembers it; no event is there that no call, send, timer or policy led to |
 * | I5        | owners write one behind the other   | generations never fall along an actor's commits |
 * | I6        | snapshots are true                  | not beyond the log, and the fold of their version |
 * | I7        | projections are true                | not beyond the log, and the fold of their checkpoint |
 * | I8        | subscribers are given no fiction    | what was given lies in the log, as it was given |
 * | I9        | subscribers are given all           | see `subscriptions.ts` for each kind      |
 * | I12       | nothing ends unasked                | no accidents                              |
 * | I13       | answers are documented              | each call ends once; codes are Aether's; what is ambiguous is told as unknown |
 * | I14       | a decision is whole                 | all events of a call are in the log or none is, those of several actors too; a commit has the events it says |
 * | I15       | not done stays not done             | no event of a call that failed, or of a command remembered as rejected |
 * | effects   | sends take effect once              | each id once at its target, behind its commit and in order; or parked; refusals are told once |
 * | timers    | alarms ring once                    | see `timers.ts`                           |
 * | policies  | events are answered once            | one event for each, in order per actor    |
 * | money     | money is conserved                  | a balance is struck behind every commit   |
 * | copies    | servers agree                       | their logs are compared, place by place   |
 *
 * **Cost.** A fixed number of passes over each part of the record, with look-ups in
 * hash tables: linear. No search: the log is the witness of the order in which
 * things happened.
 *
 * **What it cannot see.** I10 and I11 are times and counts: the runner's. Whatever is
 * not in the record: effects that the log does not name, memory, what was deleted
 * from the journal and the log alike. Of calls whose outcome is unknown and that are
 * not in the log, only that they are not there yet. Reads are checked against what
 * this one journal was told. Timers that are late, as nothing promises when an
 * alarm is heard while servers are down. Without `outcomes`, lost commands among those
 * that come to no event. And a wrong rule makes a wrong verdict.
 *
 * **Why to trust it.** `tests/faults/proof/` makes one thing wrong with right records,
 * in more than eighty ways, and every one is reported by the invariant it breaks. And
 * of I1 and I3, `tests/faults/porcupine/` has a second opinion that shares nothing
 * with it but the record.
 *
 * `checked` of the verdict says how much was looked at: an invariant at 0 was not.
 *
 * @example An acknowledged event that is lost
 * ```ts
 * import { check } from "./mod.ts";
 * import assert from "node:assert/strict";
 *
 * const { violations } = check({
 *   journal: [
 *     { type: "append", call: 1, parts: [{ actorId: "tally-a", eventIds: ["e1"] }] },
 *     { type: "ok", call: 1, commitId: "c1", versions: [1] },
 *   ],
 *   ...{ log: [], effects: [], parked: [], subscriptions: [], projections: [] },
 *   ...{ snapshots: [], copies: [], accidents: [] },
 * }, { actors: {} });
 * assert.equal(violations[0]!.invariant, "I1");
 * assert.equal(violations[0]!.what, "call 1 stored tally-a@1, and it is lost");
 * ```
 *
 * @module
 */
import { witnessOf } from "./_witness.ts";
import { checkAnswers } from "./answers.ts";
import { checkCommands, effectsOf } from "./commands.ts";
import { checkCopies } from "./copies.ts";
import { checkGenerations } from "./generations.ts";
import { examineHistory } from "./history.ts";
import { checkMoney } from "./money.ts";
import { checkPolicies } from "./policies.ts";
import { checkProjections } from "./projections.ts";
import type { RunRecord } from "./record.ts";
import type { Rules } from "./rules.ts";
import { checkSends } from "./sends.ts";
import { checkStates } from "./states.ts";
import { checkSubscriptions } from "./subscriptions.ts";
import { checkTimers } from "./timers.ts";
import { Findings, type Verdict } from "./verdict.ts";

export { type NamedLog, namedLog } from "./_witness.ts";
export { NOTHING } from "./answers.ts";
export {
  checkHistory,
  type Entry,
  type LoggedEvent,
  type Part,
  type StaleRead,
} from "./history.ts";
export type {
  RecordedEffect,
  RecordedEvent,
  RecordedOutcome,
  RecordedProjection,
  RecordedSnapshot,
  RecordedSubscription,
  RunRecord,
} from "./record.ts";
export {
  type ActorRule,
  type EventPlace,
  type Foldable,
  type MoneyRule,
  type PolicyRule,
  type ProjectionRule,
  ruleOf,
  type Rules,
} from "./rules.ts";
export { isVacuous, missingIn, type RunCounts } from "./vacuity.ts";
export {
  type InvariantId,
  INVARIANTS,
  type Verdict,
  type Violation,
} from "./verdict.ts";

/**
 * Checks all that can be told from a record.
 *
 * @param record What the run left behind, at rest.
 * @param rules What its workload means.
 */
export function check(record: RunRecord, rules: Rules): Verdict {
  const findings = new Findings();
  const witness = witnessOf(record, rules);
  examineHistory(record.journal, witness.log, {
    report: (invariant, what) => findings.report(invariant, what),
    looked: (invariant, count) => findings.looked(invariant, count),
    isExpected: witness.isExpected,
    onStaleRead: ({ isAllowed, problem }) =>
      isAllowed ? findings.stale(problem) : findings.report("I3", problem),
  });
  const effects = effectsOf(record);
  checkCommands(record, effects, findings);
  checkGenerations(record, findings);
  checkStates(record, rules, findings);
  checkProjections(record, rules, findings);
  checkSubscriptions(record, findings);
  checkSends(record, effects, findings);
  checkTimers(record, rules, effects, findings);
  checkPolicies(record, rules, effects, findings);
  checkMoney(record, rules, witness.isCalled, findings);
  checkCopies(record, findings);
  checkAnswers(record, findings);
  return findings.verdict();
}
