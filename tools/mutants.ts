/**
 * `deno task mutants`: changes the pure modules in every small way that
 * StrykerJS knows, and counts for how many of the changes no test fails.
 * Which modules and which tests: tests/mutation/groups.ts. What came of it is
 * kept in tests/mutation/results, group by group, and written to
 * tests/mutation/REPORT.md.
 *
 * StrykerJS, Vitest and, unless a fitting one is on PATH, Node are installed
 * into .cache/mutants, in the versions of tests/mutation/bun.lock: nothing that
 * the project itself depends on.
 *
 * @module
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Group, GROUPS } from "../tests/mutation/groups.ts";
import { findBun } from "./bun_binary.ts";
import {
  type GroupResult,
  type Mutant,
  reportText,
  resultOf,
  scoreOf,
} from "./mutants_report.ts";
import { endChildrenOnSignal, run, which } from "./process.ts";

const HELP = `Runs mutation tests: deno task mutants [group ...]

Groups: ${GROUPS.map(({ name }) => name).join(", ")}; default: all of them.

  --mutate <globs>    only these files, separated by commas
  --incremental       again only what changed since the last run
  --concurrency <n>   runners at once (default: 2)
  --report            writes the report of the last runs anew, runs nothing`;

const HOME = "tests/mutation";
const CACHE = ".cache/mutants";
const REPORT = join(HOME, "REPORT.md");
/** What came of each group when it was last run, wherever that was. */
const RESULTS = join(HOME, "results");
const HOUR = 3_600_000;

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      mutate: { type: "string" },
      incremental: { type: "boolean", default: false },
      concurrency: { type: "string", default: "2" },
      report: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return true;
  }
  const groups = GROUPS.filter(({ name }) =>
    positionals.length === 0 || positionals.includes(name)
  );
  if (groups.length < positionals.length) {
    throw new Error(`Cannot run a group that does not exist\n\n${HELP}`);
  }
  endChildrenOnSignal();
  let fine = true;
  if (!values.report) {
    const node = await install();
    for (const group of groups) {
      fine = await mutate(node, group, values) && fine;
    }
  }
  await writeReport();
  return fine;
}

interface Options {
  readonly mutate?: string | undefined;
  readonly incremental: boolean;
  readonly concurrency: string;
}

/** Runs Stryker over one group; whether it came to its end. */
async function mutate(
  node: string,
  group: Group,
  { mutate, incremental, concurrency }: Options,
): Promise<boolean> {
  const results = join(CACHE, group.name);
  const config = `${results}.config.json`;
  writeFileSync(
    config,
    JSON.stringify({
      testRunner: "vitest",
      vitest: { configFile: `${HOME}/vitest.config.ts`, related: false },
      // Bare names would be looked for beside Stryker's own.
      plugins: [
        resolve(
          CACHE,
          "node_modules/@stryker-mutator/vitest-runner/dist/src/index.js",
        ),
      ],
      mutate: mutate?.split(",") ?? group.mutate,
      coverageAnalysis: "perTest",
      concurrency: Number(concurrency),
      // Generous: on a busy machine, slow must not pass for endless.
      timeoutMS: 10_000,
      timeoutFactor: 2,
      dryRunTimeoutMinutes: 20,
      disableTypeChecks: false,
      incremental: true,
      incrementalFile: `${results}.incremental.json`,
      force: !incremental,
      tempDirName: `${results}.tmp`,
      ignorePatterns: [".cache", ".github", "bench"],
      reporters: ["json", "clear-text", "progress-append-only"],
      jsonReporter: { fileName: `${results}.json` },
      clearTextReporter: { logTests: false, allowColor: false },
    }),
  );
  const started = performance.now();
  const { code, output } = await run(node, [
    join(CACHE, "node_modules/@stryker-mutator/core/bin/stryker.js"),
    "run",
    config,
  ], {
    env: {
      ...process.env,
      PATH: dirname(node) + delimiter + process.env["PATH"],
      MUTANTS_TESTS: group.tests.join(","),
      // The same cases in each run, and few of them: what a test with 1,000
      // finds, it mostly finds with 100.
      AETHER_BRIEF: "1",
      SEED: "1",
    },
    timeout: 4 * HOUR,
    onOutput: (text) => {
      for (const [line] of text.matchAll(/^Mutation testing.*$/gm)) {
        console.log(`${group.name.padEnd(8)} | ${line}`);
      }
    },
  });
  const minutes = (performance.now() - started) / 60_000;
  writeFileSync(`${results}.log`, output);
  rmSync(`${results}.tmp`, { recursive: true, force: true });
  if (code !== 0) {
    console.log(output.split("\n").slice(-40).join("\n"));
    console.log(`FAILED  ${group.name}`);
    return false;
  }
  // What it did not look at again stands there as it was.
  const known = JSON.parse(
    readFileSync(`${results}.incremental.json`, "utf8"),
  ) as { readonly files: Record<string, { readonly mutants: Mutant[] }> };
  const files = Object.entries(known.files)
    .filter(([, { mutants }]) => mutants.length > 0)
    .map(([path, { mutants }]) => [path, resultOf(mutants)] as const);
  const before = mutate === undefined ? undefined : resultFor(group);
  const result: GroupResult = {
    name: group.name,
    whole: mutate === undefined || before?.whole === true,
    minutes,
    runners: Number(concurrency),
    scope: mutate ?? (incremental ? "what had changed" : "all"),
    date: new Date().toISOString().slice(0, 10),
    files: { ...before?.files, ...Object.fromEntries(files) },
  };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(fileFor(group), JSON.stringify(result, undefined, 2) + "\n");
  const { score, survived } = scoreOf(Object.values(result.files));
  console.log(
    `== ${group.name}: ${
      score.toFixed(1)
    } %, ${survived} survived (${results}.log), ${minutes.toFixed(1)} min`,
  );
  return true;
}

/** What came of a group when it was last run; undefined if it never was. */
function resultFor(group: Group): GroupResult | undefined {
  const path = fileFor(group);
  return existsSync(path)
    ? JSON.parse(readFileSync(path, "utf8")) as GroupResult
    : undefined;
}

function fileFor({ name }: Group): string {
  return join(RESULTS, `${name}.json`);
}

/** Writes what is known of all groups. */
async function writeReport(): Promise<void> {
  const results = GROUPS.map(resultFor).filter((result) =>
    result !== undefined
  );
  const missing = GROUPS.map(({ name }) => name)
    .filter((group) => !results.some(({ name }) => name === group));
  const tools = JSON.parse(readFileSync(join(HOME, "package.json"), "utf8"));
  const notes = join(HOME, "NOTES.md");
  writeFileSync(
    REPORT,
    reportText(
      results,
      missing,
      tools.dependencies,
      existsSync(notes) ? readFileSync(notes, "utf8") : "",
    ),
  );
  await run(process.execPath, ["fmt", "--quiet", REPORT, RESULTS]);
  console.log(`Written: ${REPORT}`);
}

/** Installs the tools; path of the Node that runs them. */
async function install(): Promise<string> {
  mkdirSync(CACHE, { recursive: true });
  for (const file of ["package.json", "bun.lock"]) {
    copyFileSync(join(HOME, file), join(CACHE, file));
  }
  const packages = await run(process.execPath, ["install", "--quiet"]);
  if (packages.code !== 0) {
    throw new Error(
      `Cannot install the packages: deno install failed:\n${packages.output}`,
    );
  }
  const onPath = which("node");
  const fits = onPath !== undefined && await isFitting(onPath);
  const bun = await findBun({ log: console.log });
  const omit = fits ? ["--omit=optional"] : [];
  const { code, output } = await run(bun, [
    "install",
    "--frozen-lockfile",
    ...omit,
  ], { cwd: CACHE, timeout: HOUR });
  if (code !== 0) {
    throw new Error(`Cannot install the tools: bun install failed:\n${output}`);
  }
  if (fits) return onPath;
  const folder = join(
    CACHE,
    `node_modules/node-${process.platform.replace("32", "")}-${process.arch}`,
    "bin",
  );
  const node = ["node", "node.exe"].map((name) => resolve(folder, name))
    .find((path) => existsSync(path));
  if (node === undefined) {
    throw new Error(
      "Cannot run Stryker: Node 24 is not on PATH, and there is none to install for this system",
    );
  }
  return node;
}

/** Whether Stryker and Vitest run on a Node. */
async function isFitting(node: string): Promise<boolean> {
  const { output } = await run(node, ["--version"], { timeout: 10_000 });
  const [major = 0, minor = 0] = output.replace("v", "").split(".").map(Number);
  return major === 22 ? minor >= 12 : major === 24 || major >= 26;
}

try {
  process.exit(await main() ? 0 : 1);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
