/**
 * Owners write one behind the other (I5): once a commit of an actor carries the
 * generation of a later owner, none of an earlier one follows. Commits that say no
 * generation are passed over.
 */
import type { RunRecord } from "./record.ts";
import type { Findings } from "./verdict.ts";

/** Checks the generations along the log. */
export function checkGenerations(
  { log, outcomes = [] }: RunRecord,
  findings: Findings,
): void {
  const latest = new Map<string, { generation: number; sequence: number }>();
  const commits = [...log, ...outcomes];
  // Two runs that are in order already: merged in one pass.
  commits.sort((one, other) => one.sequence - other.sequence);
  for (const { actorId, generation = 0, sequence } of commits) {
    if (generation === 0) continue;
    findings.looked("I5");
    const before = latest.get(actorId);
    if (before === undefined || generation >= before.generation) {
      latest.set(actorId, { generation, sequence });
      continue;
    }
    findings.report(
      "I5",
      `${actorId} was written by generation ${generation} at sequence ${sequence}, behind generation ${before.generation} at ${before.sequence}`,
    );
  }
}
