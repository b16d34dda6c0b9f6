import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { reportText, resultOf, scoreOf } from "../../tools/mutants_report.ts";

const mutants = (...statuses: string[]) =>
  resultOf(statuses.map((status, i) => ({
    status,
    mutatorName: "EqualityOperator",
    location: { start: { line: 10 + i } },
  })));

describe("resultOf()", () => {
  it("counts how the changes of a file ended, and names those that are left", () => {
    const places = [
      [7, "Killed"],
      [8, "Survived"],
      [8, "Survived"],
      [
        9,
        "NoCoverage",
      ],
      [10, "CompileError"],
      [11, "Timeout"],
    ] as const;
    const found = resultOf(places.map(([line, status]) => ({
      status,
      mutatorName: "Regex",
      location: { start: { line } },
    })));
    assert.deepEqual(found, {
      killed: 1,
      timedOut: 1,
      survived: 2,
      uncovered: 1,
      broken: 1,
      left: ["8 Regex", "9 Regex"],
    });
  });
});

describe("scoreOf()", () => {
  it("counts what is killed and timed out against all that could be run", () => {
    const files = [
      mutants("Killed", "Killed", "Timeout", "Survived"),
      mutants("NoCoverage", "RuntimeError", "CompileError"),
    ];
    assert.deepEqual(scoreOf(files), {
      mutants: 5,
      killed: 2,
      timedOut: 1,
      survived: 1,
      uncovered: 1,
      broken: 2,
      score: 60,
    });
  });

  it("is full where there is nothing to change", () => {
    assert.equal(scoreOf([]).score, 100);
  });
});

describe("reportText()", () => {
  it("tells scores, tools, times and what is left", () => {
    const page = reportText(
      [
        {
          name: "good",
          minutes: 1.26,
          runners: 2,
          scope: "what had changed",
          whole: true,
          date: "2026-01-02",
          files: {
            "a.ts": mutants("Killed", "Killed", "Survived", "Killed", "Killed"),
          },
        },
        {
          name: "bad",
          minutes: 2,
          runners: 4,
          scope: "b.ts",
          whole: false,
          date: "2026-01-03",
          files: { "b.ts": mutants("NoCoverage", "Timeout") },
        },
      ],
      ["other"],
      { tool: "1.2.3", other: "4.5.6" },
      "The notes.",
    );
    for (
      const line of [
        "| good | 5 | 4 | 0 | 1 | 0 | 0 | 80.0 % |",
        "| bad, in part | 2 | 0 | 1 | 0 | 1 | 0 | 50.0 %, below the goal |",
        "| **all** | 7 | 4 | 1 | 1 | 1 | 0 | 71.4 % |",
        "Not run yet: other.",
        "Tools: tool 1.2.3, other 4.5.6.",
        "- good: 2026-01-02, 1.3 minutes with 2 runners: what had changed",
        "- bad: 2026-01-03, 2.0 minutes with 4 runners: b.ts",
        "- `a.ts`: 12 EqualityOperator",
        "- `b.ts`: 10 EqualityOperator",
        "The notes.",
      ]
    ) {
      assert(page.split("\n").includes(line), `${line}\n\n${page}`);
    }
  });
});
