/** The faults there are: rows of the matrix. */
import type { Fault } from "../fault.ts";
import { f1 } from "./f01_kill.ts";
import { f2 } from "./f02_freeze.ts";
import { f3 } from "./f03_roll.ts";
import { f4 } from "./f04_server_kill.ts";
import { f5 } from "./f05_log_leader.ts";
import { f6 } from "./f06_no_quorum.ts";
import { f7 } from "./f07_partition.ts";
import { f8 } from "./f08_cut_off.ts";
import { f9 } from "./f09_slow_network.ts";
import { f10 } from "./f10_lost_replies.ts";
import { f11 } from "./f11_clock_skew.ts";
import { f12 } from "./f12_slow_subscriber.ts";
import { f13 } from "./f13_disk_full.ts";
import { f14 } from "./f14_limits.ts";
import { f15 } from "./f15_memory.ts";
import { f16 } from "./f16_stale_reads.ts";
import { f17 } from "./f17_lost_consumers.ts";
import { f18 } from "./f18_reconnect_storm.ts";
import { f19 } from "./f19_block.ts";
import { f20 } from "./f20_hostile_log.ts";

/** All of them. */
export const FAULTS: readonly Fault[] = [
  f1,
  f2,
  f3,
  f4,
  f5,
  f6,
  f7,
  f8,
  f9,
  f10,
  f11,
  f12,
  f13,
  f14,
  f15,
  f16,
  f17,
  f18,
  f19,
  f20,
];
