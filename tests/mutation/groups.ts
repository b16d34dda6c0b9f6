/**
 * What is mutated, and which tests have to notice.
 *
 * A group is a set of pure modules and the fast tests that speak of them. To
 * hold more code to its tests, add a group here; `deno task mutants <name>`
 * runs it alone.
 *
 * @module
 */

/** Modules that are mutated together, and their tests. */
export interface Group {
  /** What it is called on the command line and in the report. */
  readonly name: string;
  /** Files that are mutated; globs, `!` takes away. */
  readonly mutate: readonly string[];
  /** Test files that have to notice; globs, `!` takes away. */
  readonly tests: readonly string[];
}

/** The score each group has to reach, in percent. */
export const GOAL = 80;

/** All groups, in the order of the report. */
export const GROUPS: readonly Group[] = [
  {
    name: "event",
    mutate: ["event/*.ts"],
    // The test against a server says nothing that the vectors do not.
    tests: ["tests/event/*_test.ts", "!tests/event/shard_server_test.ts"],
  },
  {
    name: "cluster",
    mutate: [
      "cluster/ring.ts",
      "cluster/plan.ts",
      "cluster/_share.ts",
      "cluster/_place.ts",
      "cluster/_hash.ts",
      "cluster/shard_map.ts",
    ],
    tests: [
      "tests/cluster/ring_test.ts",
      "tests/cluster/plan_test.ts",
      "tests/cluster/shard_map_test.ts",
    ],
  },
  {
    name: "checker",
    mutate: ["tests/faults/checker/*.ts"],
    tests: [
      "tests/faults/history_test.ts",
      "tests/faults/checker_test.ts",
      "tests/faults/checker_parts_test.ts",
    ],
  },
  {
    name: "lint",
    mutate: ["model/lint.ts", "model/_lint_rules.ts", "model/_check_model.ts"],
    tests: ["tests/model/lint_test.ts", "tests/model/define_test.ts"],
  },
];
