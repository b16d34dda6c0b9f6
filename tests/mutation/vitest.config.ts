/** How Vitest runs the tests of one group while Stryker changes the code. */
import process from "node:process";
import { fileURLToPath } from "node:url";

const tests = (process.env["MUTANTS_TESTS"] ?? "").split(",");

export default {
  resolve: {
    alias: [{
      find: /^node:test$/,
      replacement: fileURLToPath(
        new URL("./_node_test_names.ts", import.meta.url),
      ),
    }],
  },
  test: {
    globals: true,
    include: tests.filter((glob) => !glob.startsWith("!")),
    exclude: tests.filter((glob) => glob.startsWith("!"))
      .map((glob) => glob.slice(1)),
    // One worker for all files of a run; each run has a new one, so code that
    // runs when a module is loaded is mutated like any other.
    isolate: false,
    testTimeout: 120_000,
  },
};
