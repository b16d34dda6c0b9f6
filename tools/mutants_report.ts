/**
 * What mutation tests found, as a page.
 *
 * @module
 */
import { GOAL } from "../tests/mutation/groups.ts";

/** A change of the code, and what came of it; as in Stryker's reports. */
export interface Mutant {
  /** `Killed`, `Timeout`, `Survived`, `NoCoverage`, `RuntimeError` and others. */
  readonly status: string;
  /** What kind of change. */
  readonly mutatorName: string;
  /** Where. */
  readonly location: { readonly start: { readonly line: number } };
}

/** What was found in one file: how many changes ended how. */
export interface FileResult {
  /** A test failed. */
  readonly killed: number;
  /** The tests did not end. */
  readonly timedOut: number;
  /** All tests passed. */
  readonly survived: number;
  /** No test ran it. */
  readonly uncovered: number;
  /** The change broke the run itself: counted neither way. */
  readonly broken: number;
  /** Line and kind of each change that no test noticed, such as `12 Regex`. */
  readonly left: readonly string[];
}

/** What was found in one group. */
export interface GroupResult {
  /** The group's name. */
  readonly name: string;
  /** How long the run took. */
  readonly minutes: number;
  /** How many runners worked at once. */
  readonly runners: number;
  /** What the last run looked at: `all`, what had changed, or some files. */
  readonly scope: string;
  /** Whether all of the group has been run, at once or since. */
  readonly whole: boolean;
  /** The day of the run. */
  readonly date: string;
  /** By path. */
  readonly files: Readonly<Record<string, FileResult>>;
}

/** How many changes of some files ended how. */
export interface Score extends Omit<FileResult, "left"> {
  /** All that count: those that broke the run are left out. */
  readonly mutants: number;
  /** Killed and timed out of all that count, in percent. */
  readonly score: number;
}

/** Sums up what came of the changes of a file. */
export function resultOf(mutants: readonly Mutant[]): FileResult {
  const count = (status: string) =>
    mutants.filter((mutant) => mutant.status === status).length;
  const [killed, timedOut] = [count("Killed"), count("Timeout")];
  const [survived, uncovered] = [count("Survived"), count("NoCoverage")];
  const left = mutants
    .filter(({ status }) => status === "Survived" || status === "NoCoverage")
    .map(({ location, mutatorName }) =>
      `${location.start.line} ${mutatorName}`
    );
  return {
    killed,
    timedOut,
    survived,
    uncovered,
    broken: mutants.length - killed - timedOut - survived - uncovered,
    left: [...new Set(left)],
  };
}

/** Adds up the changes of some files. */
export function scoreOf(files: readonly FileResult[]): Score {
  const sum = (count: Exclude<keyof FileResult, "left">) =>
    files.reduce((total, file) => total + file[count], 0);
  const [killed, timedOut] = [sum("killed"), sum("timedOut")];
  const [survived, uncovered] = [sum("survived"), sum("uncovered")];
  const mutants = killed + timedOut + survived + uncovered;
  return {
    mutants,
    killed,
    timedOut,
    survived,
    uncovered,
    broken: sum("broken"),
    score: mutants === 0 ? 100 : 100 * (killed + timedOut) / mutants,
  };
}

/** The page. */
export function reportText(
  groups: readonly GroupResult[],
  missing: readonly string[],
  tools: Readonly<Record<string, string>>,
  notes: string,
): string {
  const all = groups.flatMap(({ files }) => Object.values(files));
  const columns =
    "mutants | killed | timed out | survived | no coverage | broke the run | score |";
  const rule = "| --- |" + " ---: |".repeat(7);
  return `# Mutation tests

Written by \`deno task mutants\`; do not edit. Notes are in NOTES.md.

A mutant is the code with one small change: a condition turned round, a call
left out, a text emptied. It is killed when a test fails or does not end, and
survives when all pass. The score is the share of mutants that are killed; each
group has to reach ${GOAL} %. Nothing is left out: texts of messages are mutated
too.

| group | ${columns}
${rule}
${
    groups.map(({ name, whole, files }) => {
      const score = scoreOf(Object.values(files));
      return row(
        whole ? name : `${name}, in part`,
        score,
        score.score < GOAL ? ", below the goal" : "",
      );
    }).join("\n")
  }
${row("**all**", scoreOf(all))}
${missing.length === 0 ? "" : `\nNot run yet: ${missing.join(", ")}.\n`}
Tools: ${
    Object.entries(tools).map(([name, version]) => `${name} ${version}`)
      .join(", ")
  }.

To repeat: \`deno task mutants\` runs all, \`deno task mutants lint\` one group,
\`deno task mutants event --mutate event/token.ts\` one file; \`--incremental\`
tests only what changed since the last run.

${
    groups.map(({ name, minutes, runners, scope, date }) =>
      `- ${name}: ${date}, ${
        minutes.toFixed(1)
      } minutes with ${runners} runners: ${scope}`
    ).join("\n")
  }

${
    groups.map(({ name, files }) =>
      `## ${name}

| file | ${columns}
${rule}
${
        Object.entries(files).map(([path, file]) => row(path, scoreOf([file])))
          .join("\n")
      }

${left(files)}
`
    ).join("\n")
  }
${notes}`;
}

function row(name: string, score: Score, note = ""): string {
  return `| ${name} | ${score.mutants} | ${score.killed} | ${score.timedOut} | ${score.survived} | ${score.uncovered} | ${score.broken} | ${
    score.score.toFixed(1)
  } %${note} |`;
}

/** Where the mutants are that no test noticed. */
function left(files: GroupResult["files"]): string {
  const lines = Object.entries(files)
    .filter(([, { left }]) => left.length > 0)
    .map(([path, { left }]) => `- \`${path}\`: ${left.join(", ")}`);
  return lines.length === 0
    ? "None is left."
    : `Left, by line:\n\n${lines.join("\n")}`;
}
