import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Chart } from "../../bench/_chart.ts";
import { pairCharts, pairTables } from "../../bench/_pairs.ts";
import type { Report, Table } from "../../bench/_report.ts";
import { formatResults, type Run } from "../../bench/_results.ts";

const CIRCUMSTANCES = {
  load: 0,
  minutes: 1,
  natsServer: "0",
  natsClient: "0",
};

function report(
  runtime: string,
  { charts = [], notes = [], tables = [] }: Partial<Report> = {},
): Report {
  return {
    bench: "append",
    runtime,
    version: "1",
    rounds: 3,
    ratio: 1,
    ratios: {},
    goals: [{
      name: "append",
      ratio: runtime === "deno" ? 1 : 0.8,
      goal: 0.9,
      better: "at least",
      met: runtime === "deno",
    }],
    charts,
    notes,
    tables,
  };
}

function table(...rows: string[][]): Table {
  return { title: "x64", columns: ["", "commits/s", "p50 ms"], rows };
}

function chart(...names: string[]): Chart {
  const series = names.map((name) => ({ name, points: [{ x: 1, y: 2 }] }));
  return {
    name: "append",
    title: "Appends",
    kind: "lines",
    x: { label: "x" },
    y: { label: "y" },
    panels: [{ title: "one", series }],
  };
}

describe("pairTables()", () => {
  it("puts each column beside the same one of the other runtime", () => {
    const pairs = pairTables([
      report("deno", { tables: [table(["raw", "10", "1.0"])] }),
      report("bun", { tables: [table(["raw", "20", "2.0"])] }),
    ]);
    assert.deepEqual(pairs, [{
      title: "x64",
      columns: [
        "",
        "deno commits/s",
        "bun commits/s",
        "deno p50 ms",
        "bun p50 ms",
      ],
      rows: [["raw", "10", "20", "1.0", "2.0"]],
    }]);
  });

  it("leaves tables apart that have other rows", () => {
    const pairs = pairTables([
      report("deno", { tables: [table(["raw", "10", "1.0"])] }),
      report("bun", { tables: [table(["Aether", "20", "2.0"])] }),
    ]);
    assert.deepEqual(pairs.map(({ title }) => title), [
      "x64, deno",
      "x64, bun",
    ]);
  });
});

describe("pairCharts()", () => {
  it("names a lone series by its runtime", () => {
    const [found] = pairCharts([
      report("deno", { charts: [chart("Aether")] }),
      report("bun", { charts: [chart("Aether")] }),
    ]);
    assert.deepEqual(
      found!.panels[0]!.series.map(({ colour, dash, name }) => [
        name,
        colour,
        dash,
      ]),
      [["deno", 0, 0], ["bun", 1, 0]],
    );
  });

  it("tells several series apart by their dash, and runtimes by colour", () => {
    const [found] = pairCharts([
      report("deno", { charts: [chart("raw", "local")] }),
      report("bun", { charts: [chart("raw", "local")] }),
    ]);
    assert.deepEqual(
      found!.panels[0]!.series.map(({ colour, dash, name }) => [
        name,
        colour,
        dash,
      ]),
      [
        ["deno, raw", 0, 0],
        ["deno, local", 0, 1],
        ["bun, raw", 1, 0],
        ["bun, local", 1, 1],
      ],
    );
  });
});

describe("formatResults()", () => {
  const runs: Run[] = ["deno", "bun"].map((runtime) => ({
    bench: "append",
    runtime,
    report: report(runtime, {
      charts: [chart("Aether")],
      tables: [table(["raw", "10", "1.0"])],
      notes: ["said by both", `said by ${runtime}`],
    }),
  }));

  it("has goals first, then charts, then one section a bench", () => {
    const headings = formatResults(runs, CIRCUMSTANCES).split("\n")
      .filter((line) => line.startsWith("#"));
    assert.deepEqual(headings, [
      "# Bench results",
      "## Goals",
      "## Charts",
      "## append",
      "## Not measured",
    ]);
  });

  it("shows each runtime's ratio beside the goal", () => {
    const row = formatResults(runs, CIRCUMSTANCES).split("\n")
      .find((line) => line.startsWith("| append"))!;
    assert.deepEqual(row.split("|").map((cell) => cell.trim()).slice(1, -1), [
      "append",
      "at least 0.9",
      "1.00 met",
      "0.80 NOT MET",
    ]);
  });

  it("embeds each chart once, and says common notes once", () => {
    const text = formatResults(runs, CIRCUMSTANCES);
    assert.equal(text.split("![Appends](charts/append.svg)").length, 2);
    assert.equal(text.split("said by both").length, 2);
    assert.ok(text.includes("\ndeno: said by deno\n"));
    assert.ok(text.includes("\nbun: said by bun\n"));
  });

  it("does without a bench that failed", () => {
    const [deno] = runs;
    const failed = { bench: "append", runtime: "bun", report: undefined };
    const text = formatResults([deno!, failed], CIRCUMSTANCES);
    assert.ok(text.includes("**x64, deno**"));
  });
});
