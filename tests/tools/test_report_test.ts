import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addCounts, countTests } from "../../tools/test_report.ts";

/** What Deno 2.9 writes for a describe A with tests and a describe inside, and a test by itself. */
const DENO = `<testsuites name="deno test" tests="8" failures="4">
  <testsuite name="./a_test.ts" tests="2">
    <testcase name="A" classname="./a_test.ts"><failure message="2 test steps failed">2</failure></testcase>
    <testcase name="top" classname="./a_test.ts"></testcase>
  </testsuite>
  <testsuite name="ext:deno_node/testing.ts" tests="6">
    <testcase name="A &gt; one" classname="x"></testcase>
    <testcase name="A &gt; two" classname="x"><failure message="1 !== 2">AssertionError</failure></testcase>
    <testcase name="A &gt; three" classname="x"><skipped/></testcase>
    <testcase name="A &gt; in" classname="x"><failure message="1 test step failed">1</failure></testcase>
    <testcase name="A &gt; in &gt; four" classname="x"></testcase>
    <testcase name="A &gt; in &gt; five" classname="x"><failure message="x">Error: x</failure></testcase>
  </testsuite>
</testsuites>`;

/** What Bun 1.4 writes for the same. */
const BUN = `<testsuites name="bun test" tests="6" failures="2">
  <testsuite name="a_test.ts" file="a_test.ts"><testsuite name="A" file="a_test.ts">
    <testcase name="one" classname="A" time="0" file="a_test.ts" line="3" assertions="0" />
    <testcase name="two" classname="A" time="0" file="a_test.ts" line="3"><failure type="E" message="m">x</failure></testcase>
    <testcase name="three" classname="A" time="0" file="a_test.ts" line="3"><skipped /></testcase>
    <testsuite name="in" file="a_test.ts">
      <testcase name="four" classname="in &gt; A" time="0" file="a_test.ts" line="3" />
      <testcase name="five" classname="in &gt; A" time="0" file="a_test.ts" line="3"><failure message="x">x</failure></testcase>
    </testsuite></testsuite>
    <testcase name="top" classname="" time="0" file="a_test.ts" line="4" />
  </testsuite>
</testsuites>`;

describe("countTests()", () => {
  it("counts the same tests in the reports of both runtimes", () => {
    const counts = { passed: 3, failed: 2, skipped: 1 };
    assert.deepEqual(countTests(DENO, "", 1), counts);
    assert.deepEqual(countTests(BUN, "", 1), counts);
  });

  it("counts files that did not load", () => {
    const deno = "Uncaught error from ./b_test.ts \x1b[31mFAILED\x1b[0m\n";
    assert.equal(countTests(DENO, deno, 1).failed, 3);
    assert.equal(
      countTests(BUN, "# Unhandled error between tests\n", 1).failed,
      3,
    );
  });

  it("counts a failing hook of a describe whose tests pass", () => {
    const report =
      `<testcase name="A" classname="x"><failure message="hook">x</failure></testcase>
      <testcase name="A &gt; one" classname="x"></testcase>`;
    assert.deepEqual(countTests(report, "", 1), {
      passed: 1,
      failed: 1,
      skipped: 0,
    });
  });

  it("takes a run that failed without saying why as one failure", () => {
    assert.deepEqual(countTests("", "", 1), {
      passed: 0,
      failed: 1,
      skipped: 0,
    });
    assert.deepEqual(countTests("", "", 0), {
      passed: 0,
      failed: 0,
      skipped: 0,
    });
  });
});

describe("addCounts()", () => {
  it("adds", () => {
    const one = { passed: 1, failed: 2, skipped: 3 };
    assert.deepEqual(addCounts(one, one), { passed: 2, failed: 4, skipped: 6 });
  });
});
