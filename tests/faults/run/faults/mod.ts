/** The faults there are: rows of the matrix. */
import type { Fault } from "../fault.ts";
import { f1 } from "./f01_kill.ts";
import { f2 } from "./f02_freeze.ts";
import { f3 } from "./f03_roll.ts";
import { f4 } from "./f04_server_kill.ts";
import { f5 } from "./f05_log_leader.ts";
import { f6 } from "./f06_no_quorum.ts";
import { f19 } from "./f19_block.ts";

/** All of them. */
export const FAULTS: readonly Fault[] = [
  f1,
  f2,
  f3,
  f4,
  f5,
  f6,
  f19,
];
