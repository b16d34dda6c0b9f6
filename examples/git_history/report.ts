/** Tells people what came out. */
import type { MeterFigures } from "./meter.ts";
import type { Verdict } from "./proof.ts";
import type { Repository } from "./repository.ts";

/** What the run itself has to say. */
export interface RunFigures {
  readonly meter: MeterFigures;
  readonly retries: ReadonlyMap<string, number>;
  /** Commands that were given up or refused. */
  readonly failures: readonly string[];
  /** The worker that was killed, if one was. */
  readonly killed?: string;
  /** Milliseconds from the kill until other nodes had all of its shards. */
  readonly takeover?: number;
}

/** Which repository, and what is counted. */
export function describeRepository(repository: Repository): string {
  const { git, bare, branch, target, commits, mainline, all } = repository;
  const part = commits < mainline ? `the first ${commits} of ` : "";
  const lines = [
    `Repository  ${git.folder}${bare ? " (bare)" : ""}, ${branch} at ${
      target?.slice(0, 12)
    }`,
    `History     ${part}${mainline} commits on the mainline, ${all} in all`,
    "Counted     each step of the mainline against its first parent, so that the sums are exact;",
    "            a merge is one step, credited to the author of the branch it brought in",
  ];
  if (repository.shallow) {
    lines.push(
      "Shallow     the clone is cut off: its oldest commit stands for all that was before",
    );
  }
  return lines.join("\n");
}

/** The proof, point by point. */
export function describeVerdict(verdict: Verdict, all: boolean): string {
  const { proven, uncounted } = verdict;
  const claim = (words: string) => proven ? `: ${words}` : "";
  const lines = [
    `  files at the end   ${verdict.texts} of text: ${verdict.linesInEvents} lines in their events, ${verdict.linesInBlobs} in their blobs`,
    `  files that went    ${verdict.gone}${claim("gone by their events too")}`,
    `  actors             ${verdict.actors}${
      claim("one for each name the history knows")
    }`,
    `  versions           ${verdict.events} events${
      claim("1 to n for each actor, no gap, no repeat")
    }`,
    `  acknowledged       ${verdict.acknowledged} commands, lost: ${verdict.lost}`,
  ];
  if (uncounted.length > 0) {
    const kinds = Map.groupBy(uncounted, (file) => file.kind);
    const counts = [...kinds].map(([kind, files]) => `${files.length} ${kind}`);
    lines.push(
      `  without lines      ${
        counts.join(", ")
      }: nothing to count, so only their content's id was compared`,
      ...shorten(
        uncounted.map(({ kind, path }) => `${kind.padEnd(9)} ${path}`),
        all,
      ),
    );
  }
  if (!proven) {
    lines.push(`  WRONG              ${verdict.faults.length}:`);
    lines.push(...shorten(verdict.faults, all));
  }
  return lines.join("\n");
}

/** The busiest files. */
export function describeBusiest({ busiest }: Verdict): string {
  const lines = busiest.map(({ path, commits, author, authorCommits, gone }) =>
    `  ${String(commits).padStart(6)}  ${path}${
      gone ? " (gone)" : ""
    }  —  ${author}, ${authorCommits}`
  );
  return [
    "Busiest files (commits that touched them, and who made most of these)",
    ...lines,
  ]
    .join("\n");
}

/** Throughput, latency, pauses, retries. */
export function describeRun(run: RunFigures): string {
  const { meter, retries, failures, killed, takeover } = run;
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const lines = [
    "Figures",
    `  commands       ${meter.commands} in ${meter.seconds.toFixed(1)} s: ${
      Math.round(meter.perSecond)
    } a second`,
    `  latency        p50 ${ms(meter.p50)}, p99 ${ms(meter.p99)}, max ${
      ms(meter.max)
    }`,
    `  longest pause  ${
      ms(meter.longestPause)
    } without an acknowledged command`,
    ...(killed === undefined ? [] : [
      `  after the kill ${ms(meter.longestPauseAfterMark)} longest pause, ${
        ms(meter.maxAfterMark)
      } slowest command`,
    ]),
    ...(takeover === undefined ? [] : [
      `  fail-over      ${
        ms(takeover)
      } from the kill until other nodes had its shards`,
    ]),
    `  retries        ${describeRetries(retries)}, under the same ids`,
  ];
  if (failures.length > 0) {
    lines.push(
      `  FAILED         ${failures.length}:`,
      ...shorten(failures, false),
    );
  }
  return lines.join("\n");
}

/** How many, and why. */
export function describeRetries(retries: ReadonlyMap<string, number>): string {
  const counts = [...retries].map(([code, count]) => `${count} ${code}`);
  return counts.length === 0 ? "0" : counts.join(", ");
}

function shorten(lines: readonly string[], all: boolean): string[] {
  const shown = all ? lines : lines.slice(0, SHOWN);
  const more = lines.length - shown.length;
  return [
    ...shown.map((line) => `      ${line}`),
    ...(more === 0 ? [] : [`      … and ${more} more: --all shows them`]),
  ];
}

const SHOWN = 20;
