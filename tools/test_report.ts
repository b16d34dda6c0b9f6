/**
 * Counts tests in what the two runtimes report.
 *
 * Counted are single tests: an `it`, not the `describe` around it. Deno's
 * JUnit file lists a `describe` as a test of its own next to its steps, named
 * `outer > inner`; Bun's nests suites. A file that does not even load is in
 * neither, only in the output.
 *
 * @module
 */

/** How many tests ended how. */
export interface Counts {
  /** Tests that passed. */
  readonly passed: number;
  /** Tests that failed, and files that did not load. */
  readonly failed: number;
  /** Tests that were not run. */
  readonly skipped: number;
}

/** Counts of nothing. */
export const NO_TESTS: Counts = { passed: 0, failed: 0, skipped: 0 };

/** Sum of two counts. */
export function addCounts(one: Counts, other: Counts): Counts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}

/** Counts of one run, from its JUnit file, its output and its exit code. */
export function countTests(
  junit: string,
  output: string,
  exitCode: number,
): Counts {
  const cases = testCases(junit);
  const parents = new Set(cases.flatMap(({ name }) => ancestorsOf(name)));
  let { passed, failed, skipped } = NO_TESTS;
  for (const { name, outcome } of cases) {
    // A describe fails with its tests; only a failing hook is a failure of its own.
    if (
      parents.has(name) && (outcome !== "failed" || hasFailure(cases, name))
    ) continue;
    if (outcome === "passed") passed++;
    else if (outcome === "failed") failed++;
    else skipped++;
  }
  failed += notLoaded(output);
  if (exitCode !== 0 && failed === 0) failed = 1;
  return { passed, failed, skipped };
}

interface TestCase {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
}

function testCases(junit: string): TestCase[] {
  const cases: TestCase[] = [];
  for (
    const match of junit.matchAll(
      /<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g,
    )
  ) {
    const name = / name="([^"]*)"/.exec(match[1] ?? "")?.[1] ?? "";
    const body = match[2] ?? "";
    const outcome = /<(failure|error)\b/.test(body)
      ? "failed"
      : body.includes("<skipped")
      ? "skipped"
      : "passed";
    // Only Deno's names are paths; Bun's suites are elements around their tests.
    const isBun = / classname="[^"]*"[^>]* file=/.test(match[1] ?? "");
    cases.push({ name: isBun ? `#${cases.length}` : name, outcome });
  }
  return cases;
}

const SEPARATOR = " &gt; ";

function ancestorsOf(name: string): string[] {
  const parts = name.split(SEPARATOR);
  return parts.slice(1).map((_, index) =>
    parts.slice(0, index + 1).join(SEPARATOR)
  );
}

function hasFailure(cases: readonly TestCase[], parent: string): boolean {
  return cases.some(({ name, outcome }) =>
    outcome === "failed" && name.startsWith(parent + SEPARATOR)
  );
}

function notLoaded(output: string): number {
  // deno-lint-ignore no-control-regex
  const plain = output.replace(/\x1b\[[0-9;]*m/g, "");
  return (plain.match(/^Uncaught error from .* FAILED$/gm) ?? []).length +
    (plain.match(/^# Unhandled error between tests$/gm) ?? []).length;
}
