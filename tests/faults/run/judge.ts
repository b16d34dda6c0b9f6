/** The checker's verdict on a run. */
import { check, type RunRecord, type Verdict } from "../checker/mod.ts";
import { RULES } from "./rules.ts";

/** Holds what a run left behind against what its workload means. */
export function judge(record: RunRecord): Verdict {
  return check(record, RULES);
}
