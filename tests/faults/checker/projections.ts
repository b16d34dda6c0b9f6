/**
 * Read models are the fold of the log at their checkpoint (I7): the log is folded
 * once for each, up to where it says it is.
 */
import { same, shown } from "./_same.ts";
import type { RecordedProjection, RunRecord } from "./record.ts";
import type { ProjectionRule, Rules } from "./rules.ts";
import type { Findings } from "./verdict.ts";

/** Folds the log for each projection, and compares its documents. */
export function checkProjections(
  record: RunRecord,
  { projections = {} }: Rules,
  findings: Findings,
): void {
  const end = endOf(record);
  for (const projection of record.projections) {
    const { checkpoint, name } = projection;
    if (checkpoint > end) {
      findings.report(
        "I7",
        `projection "${name}" is at ${checkpoint}, and the log ends at ${end}`,
      );
    }
    if (!Object.hasOwn(projections, name)) continue;
    const documents = fold(record, projections[name]!, checkpoint, findings);
    compare(projection, documents, findings);
  }
}

/** The last sequence that the record knows of. */
export function endOf({ copies, end, log, outcomes = [] }: RunRecord): number {
  return end ?? Math.max(
    log.at(-1)?.sequence ?? 0,
    outcomes.at(-1)?.sequence ?? 0,
    ...copies.map((copy) => copy.at(-1)?.[0] ?? 0),
  );
}

function fold(
  { log }: RunRecord,
  rule: ProjectionRule,
  checkpoint: number,
  findings: Findings,
): Map<string, unknown> {
  const documents = new Map<string, unknown>();
  for (const event of log) {
    if (event.sequence > checkpoint) continue;
    const key = rule.key(event);
    if (key === undefined) continue;
    findings.looked("I7");
    const before = documents.has(key) ? documents.get(key) : rule.initial();
    const behind = rule.apply(before, event);
    if (behind === undefined) documents.delete(key);
    else documents.set(key, behind);
  }
  return documents;
}

function compare(
  { checkpoint, documents, name }: RecordedProjection,
  folded: ReadonlyMap<string, unknown>,
  findings: Findings,
): void {
  const place = `of projection "${name}" at ${checkpoint}`;
  for (const [key, document] of folded) {
    if (!Object.hasOwn(documents, key)) {
      findings.report("I7", `document "${key}" ${place} is missing`);
    } else if (!same(documents[key], document)) {
      findings.report(
        "I7",
        `document "${key}" ${place} is ${
          shown(documents[key])
        }, and the fold is ${shown(document)}`,
      );
    }
  }
  for (const key of Object.keys(documents)) {
    if (folded.has(key) || documents[key] === undefined) continue;
    findings.report("I7", `document "${key}" ${place} comes from no event`);
  }
}
