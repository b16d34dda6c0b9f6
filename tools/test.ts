/**
 * `deno task test`: static checks, then the whole suite under Deno (with the
 * examples in the documentation) and the same files under Bun, two processes side
 * by side, each against a nats-server of its own started for it. What is missing
 * (nats-server, Bun, node_modules) is fetched first. The last line is `N passed, N
 * failed`.
 *
 * @module
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { findBun } from "./bun_binary.ts";
import { check } from "./check.ts";
import { findNatsServer } from "./nats_binary.ts";
import { startNatsServer } from "./nats_server.ts";
import { endChildren, endChildrenOnSignal, type Env, run } from "./process.ts";
import { ROOMS } from "./rooms.ts";
import { addCounts, type Counts, countTests, NO_TESTS } from "./test_report.ts";

const HELP = `Runs the tests under Deno and Bun.

  --deno-only, --bun-only  one runtime
  --filter <text>          only files whose path contains the text
  --nightly                the long versions of long tests
  --no-check               without the static checks`;

const REPORTS = ".cache/test";
const MINUTE = 60_000;
const BUN_TEST_TIMEOUT = 2 * MINUTE;
const RUNTIME_TIMEOUT = 20 * MINUTE;
const NIGHTLY_TIMEOUT = 120 * MINUTE;

/** Most tests wait most of the time: two processes take little longer than one. */
const SIDE_BY_SIDE = 2;
/** Deno takes longer than Bun: its files are shared out in so many pieces, … */
const DENO_PIECES = 6;
/** … but in none with fewer files than this. */
const PIECE_FILES = 20;

/** Tests that one process runs. */
interface Piece {
  /** Such as `deno 2`. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Which lines of the output are shown as they come. */
  readonly shows: (line: string) => boolean;
  /** The part of the output that is shown when tests failed. */
  readonly failures: (output: string) => string;
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      "deno-only": { type: "boolean", default: false },
      "bun-only": { type: "boolean", default: false },
      filter: { type: "string", default: "" },
      nightly: { type: "boolean", default: false },
      "no-check": { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return true;
  }
  endChildrenOnSignal();
  await installPackages();
  const [clean, natsServer, bun] = await Promise.all([
    values["no-check"] ? true : check(),
    findNatsServer({ log: console.log }),
    values["deno-only"] ? undefined : findBun({ log: console.log }),
  ]);

  const env: Env = {
    ...process.env,
    NATS_SERVER: natsServer,
    NO_COLOR: "1",
    ...(values.nightly ? { AETHER_NIGHTLY: "1" } : {}),
  };
  const matches = (path: string) => path.includes(values.filter);
  const tests = filesBelow("tests", "_test.ts").filter(matches);
  const documented = documentedFiles().filter(matches);
  rmSync(REPORTS, { recursive: true, force: true });
  mkdirSync(REPORTS, { recursive: true });

  let total = NO_TESTS;
  let passed = clean;
  const pieces = [
    ...(bun === undefined ? [] : [bunTests(bun, tests)]),
    ...(values["bun-only"] ? [] : denoTests([...tests, ...documented])),
  ];
  const work = pieces.values();
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, async () => {
    for (const piece of work) {
      const counts = await runTests(piece, env);
      total = addCounts(total, counts);
      passed &&= counts.failed === 0 && counts.passed > 0;
    }
  }));
  if (!clean) console.log("The static checks above FAILED.");
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return passed;
}

async function runTests(piece: Piece, given: Env): Promise<Counts> {
  await using nats = await startNatsServer();
  const env: Env = { ...given, AETHER_TEST_SHARED_URL: nats.url };
  const started = performance.now();
  const tell = (text: string) => {
    for (const line of text.split("\n")) {
      console.log(`${piece.name.padEnd(6)} | ${line}`);
    }
  };
  const timeout = env.AETHER_NIGHTLY === "1"
    ? NIGHTLY_TIMEOUT
    : RUNTIME_TIMEOUT;
  const result = await run(piece.program, piece.args, {
    env,
    timeout,
    onOutput: byLine((line) => {
      if (piece.shows(line)) tell(line);
    }),
  });
  writeFileSync(join(REPORTS, `${fileNameOf(piece.name)}.log`), result.output);
  const report = reportOf(piece.name);
  const junit = existsSync(report) ? readFileSync(report, "utf8") : "";
  const counts = countTests(junit, result.output, result.code);
  if (result.timedOut) {
    tell(`Ended after ${timeout / MINUTE} minutes. The end of the output:`);
    tell(result.output.split("\n").slice(-40).join("\n"));
  } else if (result.code !== 0) {
    tell(piece.failures(result.output).trimEnd());
  }
  const took = ((performance.now() - started) / 1000).toFixed(1);
  const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
  console.log(
    `== ${piece.name}: ${counts.passed} passed, ${counts.failed} failed${skipped} (${took} s)`,
  );
  if (counts.passed + counts.failed === 0) {
    console.log("No test was run, which is a failure.");
  }
  return counts;
}

/** All of Deno's tests, every one in one of the pieces. */
function denoTests(files: readonly string[]): Piece[] {
  const most = Math.min(DENO_PIECES, Math.floor(files.length / PIECE_FILES));
  const pieces: string[][] = Array.from(
    { length: Math.max(1, most) },
    () => [],
  );
  // Neighbours last alike: long ones are spread.
  for (const [i, file] of files.entries()) {
    pieces[i % pieces.length]!.push(file);
  }
  return pieces.map((piece, i) => denoTestsIn(`deno ${i + 1}`, piece));
}

function denoTestsIn(name: string, files: readonly string[]): Piece {
  return {
    name,
    program: process.execPath,
    args: ["test", "-A", "--doc", `--junit-path=${reportOf(name)}`, ...files],
    shows: (line) => /^running [1-9]\d* tests? from [^#$]*$/.test(line),
    failures: (output) => {
      const errors = output.indexOf("\n ERRORS ");
      return errors === -1 ? output : output.slice(errors);
    },
  };
}

function bunTests(program: string, files: readonly string[]): Piece {
  const report = ["--reporter=junit", `--reporter-outfile=${reportOf("bun")}`];
  const paths = files.map((file) => `./${file}`);
  return {
    name: "bun",
    program,
    args: ["test", `--timeout=${BUN_TEST_TIMEOUT}`, ...report, ...paths],
    // Its failures come in the middle: everything is shown but what passed.
    shows: (line) => line.trim() !== "" && !/^\((pass|skip|todo)\) /.test(line),
    failures: () => "",
  };
}

/** Bun resolves packages in node_modules, which Deno fills. */
async function installPackages(): Promise<void> {
  const { code, output } = await run(process.execPath, ["install", "--quiet"]);
  if (code !== 0) {
    throw new Error(
      `Cannot install the packages: deno install failed:\n${output}`,
    );
  }
}

/** Files whose examples are run: all of the rooms, the facade and the README. */
function documentedFiles(): string[] {
  const rooms = ROOMS.filter((room) => existsSync(room)).flatMap((room) =>
    filesBelow(room, ".ts")
  );
  return [
    ...rooms,
    ...["mod.ts", "README.md"].filter((file) => existsSync(file)),
  ];
}

function filesBelow(folder: string, ending: string): string[] {
  const names = readdirSync(folder, { recursive: true }) as string[];
  return names.filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name).replaceAll("\\", "/")).sort();
}

function reportOf(piece: string): string {
  return join(REPORTS, `${fileNameOf(piece)}.xml`);
}

function fileNameOf(piece: string): string {
  return piece.replace(" ", "_");
}

function byLine(take: (line: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line.replace(/\r$/, ""));
  };
}

try {
  process.exit(await main() ? 0 : 1);
} catch (error) {
  endChildren();
  console.error((error as Error).message);
  process.exit(1);
}
