/** What a soak says, as Markdown. */
import { cpus } from "node:os";
import process from "node:process";
import type { Calls } from "./drive.ts";
import { type Trend, trendOf } from "./trend.ts";
import type { Series } from "./watch.ts";

/** What a soak has come to. */
export interface Outcome {
  readonly minutes: number;
  readonly seed: number;
  /** Calls a second, as fast as answers came. */
  readonly topSpeed: number;
  /** Of it, the share that was asked for. */
  readonly share: number;
  /** Calls a second over the whole time. */
  readonly rate: number;
  readonly calls: Calls;
  readonly series: readonly Series[];
  /** Whatever else must not be; empty when all is right. */
  readonly problems: readonly string[];
  readonly versions: string;
}

/** A series and what became of it. */
export interface Judged {
  readonly series: Series;
  /** Undefined where there are too few readings. */
  readonly trend: Trend | undefined;
}

/** Looks at each series from when on it has to stand still. */
export function judge(all: readonly Series[]): Judged[] {
  return all.map((series) => {
    const counted = series.readings.filter(({ at }) => at >= series.from);
    const trend = counted.length < 10
      ? undefined
      : trendOf(counted, series.mayGrow);
    return { series, trend };
  });
}

/** What grew and must not have, one sentence each. */
export function growth(judged: readonly Judged[]): string[] {
  return judged.flatMap(
    ({ series: { isTold, mayGrow, name, unit }, trend }) => {
      if (isTold) return [];
      if (trend === undefined) return [`${name} was not read often enough`];
      const { change, grows, z } = trend;
      return grows
        ? [
          `${name} grew by ${round(change)} ${unit} (${
            round(z)
          } standard deviations); ${round(mayGrow)} may be`,
        ]
        : [];
    },
  );
}

/** Writes the report. */
export function formatSoak(outcome: Outcome): string {
  const { calls, minutes, problems, rate, seed, share, topSpeed } = outcome;
  const judged = judge(outcome.series);
  const failed = [...calls.failed].map(([code, n]) => `${n} ${code}`);
  const rows = judged.map(({ series, trend }) => {
    const { isTold, mayGrow, name, unit } = series;
    const values = series.readings.map(({ value }) => value);
    return `| ${
      [
        name,
        unit,
        round(values[0]!),
        round(values.at(-1)!),
        trend === undefined ? "" : round(trend.median),
        trend === undefined ? "" : round(trend.change),
        isTold ? "told only" : round(mayGrow),
        trend === undefined ? "" : round(trend.z),
        isTold ? "" : trend?.grows === false ? "flat" : "GROWS",
      ].join(" | ")
    } |`;
  });
  return [
    "# Soak",
    "Made by `deno task soak`; not edited by hand. Three nodes, Deno and Bun, and a caller share " +
    "one machine with a nats-server; wallets pay each other, set timers and are read, a policy " +
    "counts, a projection sums up, subscribers come and go, and one call in twenty goes to an " +
    "actor that nobody has called before, so that others have to leave memory.",
    [
      `- date: ${new Date().toISOString().slice(0, 10)}`,
      `- processor: ${cpus()[0]?.model.trim()}, ${cpus().length} cores`,
      `- ${outcome.versions}`,
      `- minutes: ${minutes}; seed: ${seed}`,
      `- top speed: ${topSpeed.toFixed(0)} calls/s (64 at a time); asked for ${
        (100 * share).toFixed(0)
      } % of it; made ${rate.toFixed(0)} calls/s`,
      `- calls: ${calls.made} made, ${calls.answered} answered, ${calls.rejected} rejected, failed: ${
        failed.join(", ") || "none"
      }`,
    ].join("\n"),
    "## Verdict",
    problems.length === 0
      ? "Nothing grows, nothing failed, no rejection was left unhandled, no coin was made or lost."
      : problems.map((problem) => `- ${problem}`).join("\n"),
    "## Readings",
    "Heaps are read after a collection. An actor remembers the commands of the last 10 minutes, so " +
    "heaps have to stand still from minute 11 on, everything else from the beginning. It *grows* when " +
    "Sen's slope over that time comes to more than it may, and Mann and Kendall's test is sure of a " +
    "trend (z > 3.09).",
    [
      "| what | unit | first | last | median | change | may be | z | |",
      "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
      ...rows,
    ].join("\n"),
  ].join("\n\n") + "\n";
}

/** Versions of what runs this process. */
export function runtimeVersion(): string {
  const { bun, deno } = process.versions as Record<string, string | undefined>;
  return deno === undefined ? `bun: ${bun}` : `deno: ${deno}`;
}

function round(value: number): string {
  return Math.abs(value) >= 1_000 ? value.toFixed(0) : value.toFixed(2);
}
