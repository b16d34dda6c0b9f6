/**
 * Every failure that a caller was told is one of the documented errors, and fits
 * (I13): what may have happened is told as unknown, and as nothing else. And nothing
 * ended unasked while all of that went on (I12).
 */
import { type AetherError, errorFromWire } from "../../../event/mod.ts";
import type { RunRecord } from "./record.ts";
import type { Findings } from "./verdict.ts";

/** The journal's own word for a command that was done and came to no event. */
export const NOTHING = "nothing";

/** Checks the ends of calls, and the accidents of processes. */
export function checkAnswers(
  { accidents, journal }: RunRecord,
  findings: Findings,
): void {
  findings.looked("I12");
  for (const accident of accidents) findings.report("I12", accident);
  const reads = new Set<number>();
  for (const entry of journal) {
    const { call } = entry;
    if (entry.type === "read") reads.add(call);
    if (entry.type !== "failed" && entry.type !== "unknown") continue;
    findings.looked("I13");
    const { code } = entry;
    // Of an unknown outcome the code may be left out; of a failure it says all.
    if (entry.type === "unknown" ? code === undefined : code === NOTHING) {
      continue;
    }
    const told = `call ${call} was told "${code}"`;
    const error = documented(code!);
    if (error === undefined) {
      findings.report("I13", `${told}, which is no documented code`);
      continue;
    }
    if (entry.type === "unknown") {
      if (!error.ambiguous) {
        findings.report("I13", `${told}, and took it for an unknown outcome`);
      }
      continue;
    }
    // A read changes nothing: there is nothing to be in doubt about.
    if (error.ambiguous && !reads.has(call)) {
      findings.report("I13", `${told}, and took it for not done`);
    }
    const { ambiguous = error.ambiguous, retryable = error.retryable } = entry;
    if (ambiguous !== error.ambiguous || retryable !== error.retryable) {
      findings.report(
        "I13",
        `${told} with retryable ${retryable} and ambiguous ${ambiguous}`,
      );
    }
  }
}

/** The error of a code; undefined for one that nothing documents. */
function documented(code: string): AetherError | undefined {
  const error = errorFromWire({
    code: code as AetherError["code"],
    message: "",
    retryable: false,
    details: {},
  });
  return error.code === code ? error : undefined;
}
