/** What a bench says at the end: tables for people, one JSON object for programs. */
import type { Chart } from "./_chart.ts";
import { ratio, type Result } from "./_rounds.ts";
import { runtime, runtimeVersion } from "./_runtime.ts";

/** Rows of text under a title. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A ratio and what it should be. */
export interface Goal {
  /** What is compared. */
  readonly name: string;
  readonly ratio: number;
  /** Such as 0.9. */
  readonly goal: number;
  /** Whether the ratio should be at least the goal or at most. */
  readonly better: "at least" | "at most";
}

/** All that a bench found. */
export interface Report {
  readonly bench: string;
  readonly runtime: string;
  readonly version: string;
  readonly rounds: number;
  /** The first goal's ratio; null where there is no goal. */
  readonly ratio: number | null;
  /** Every ratio by its name, goals or not. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly goals: readonly (Goal & { readonly met: boolean })[];
  readonly tables: readonly Table[];
  /** Pictures, drawn with the other runtime's series beside this one's. */
  readonly charts: readonly Chart[];
  readonly notes: readonly string[];
}

/** Prints the tables and the goals, and as the last line the whole as JSON. */
export function printReport(
  found:
    & Omit<Report, "runtime" | "version" | "ratio" | "goals">
    & { readonly goals: readonly Goal[] },
): void {
  const goals = found.goals.map((goal) => ({ ...goal, met: isMet(goal) }));
  const report: Report = {
    bench: found.bench,
    runtime,
    version: runtimeVersion,
    ratio: goals[0] === undefined ? null : round(goals[0].ratio),
    rounds: found.rounds,
    ratios: Object.fromEntries(
      Object.entries(found.ratios).map(([name, value]) => [name, round(value)]),
    ),
    goals: goals.map((goal) => ({ ...goal, ratio: round(goal.ratio) })),
    tables: found.tables,
    charts: found.charts,
    notes: found.notes,
  };
  for (const table of report.tables) console.log(`\n${formatTable(table)}`);
  if (goals.length > 0) {
    console.log(`\n${formatTable(goalTable(report.goals))}`);
  }
  for (const note of report.notes) console.log(`\n${note}`);
  console.log(`\n${JSON.stringify(report)}`);
}

/**
 * What contestants did, a row each.
 *
 * @param unit What a rate counts, such as `commits/s`.
 * @param owns Whose rates are compared with the others'.
 * @param options `each`: how many of that unit an operation is; `tail`: whether
 * p99.9 is shown too.
 */
export function ratesTable(
  title: string,
  unit: string,
  results: readonly Result[],
  owns: readonly Result[],
  { each = 1, tail = false } = {},
): Table {
  return {
    title,
    columns: [
      "",
      unit,
      "p50 ms",
      "p99 ms",
      ...tail ? ["p99.9 ms"] : [],
      ...owns.map((own) => `${own.name} ÷ it`),
    ],
    rows: results.map((result) => [
      result.name,
      (result.rate * each).toFixed(0),
      result.p50.toFixed(2),
      result.p99.toFixed(2),
      ...tail ? [result.p999.toFixed(2)] : [],
      ...owns.map((own) =>
        owns.includes(result) ? "" : ratio(own, result).toFixed(2)
      ),
    ]),
  };
}

/** Goals as a table. */
export function goalTable(goals: Report["goals"]): Table {
  return {
    title: "Goals",
    columns: ["what", "ratio", "goal", ""],
    rows: goals.map(({ name, ratio, better, goal, met }) => [
      name,
      ratio.toFixed(2),
      `${better} ${goal}`,
      met ? "met" : "NOT MET",
    ]),
  };
}

/** A table as Markdown, with its columns aligned. */
export function formatTable({ title, columns, rows }: Table): string {
  const widths = columns.map((column, i) =>
    Math.max(3, column.length, ...rows.map((row) => row[i]!.length))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => pad(cell, widths[i]!, i)).join(" | ")} |`;
  const rule = widths.map((width, i) =>
    i === 0 ? "-".repeat(width) : "-".repeat(width - 1) + ":"
  );
  return [`**${title}**`, "", line(columns), line(rule), ...rows.map(line)]
    .join("\n");
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

function isMet({ ratio, goal, better }: Goal): boolean {
  // As it is shown: 0.897 is 0.90.
  const shown = Number(ratio.toFixed(2));
  return better === "at least" ? shown >= goal : shown <= goal;
}

function round(value: number): number {
  return Number(value.toFixed(3));
}
