/** All servers of the cluster tell the same log, and it is the one that was checked. */
import type { RunRecord } from "./record.ts";
import type { Findings } from "./verdict.ts";

/** Compares the copies with each other, and the log with them. */
export function checkCopies(
  { copies, log }: RunRecord,
  findings: Findings,
): void {
  const [first = [], ...others] = copies;
  for (const [index, copy] of others.entries()) {
    const length = Math.max(first.length, copy.length);
    findings.looked("copies", length);
    for (let place = 0; place < length; place++) {
      const [one, other] = [named(first[place]), named(copy[place])];
      if (one === other) continue;
      // What follows may be moved by one place: the first difference says it all.
      findings.report(
        "copies",
        `the first server tells ${one} where server ${
          index + 2
        } tells ${other}`,
      );
      break;
    }
  }
  if (copies.length === 0) return;
  const commits = new Map(first);
  for (const { commitId, sequence } of log) {
    findings.looked("copies");
    const told = commits.get(sequence);
    if (told === commitId) continue;
    findings.report(
      "copies",
      `the log has commit ${commitId} at sequence ${sequence}, and the servers tell ${
        told === undefined ? "nothing" : `commit ${told}`
      } there`,
    );
  }
}

function named(message: readonly [number, string] | undefined): string {
  if (message === undefined) return "the end";
  return `commit ${message[1]} at sequence ${message[0]}`;
}
