/**
 * `deno task check`: everything that can be said of the code without running
 * it. Each check prints one line; one that fails, its output in full.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { endChildrenOnSignal, run } from "./process.ts";
import { roomProblems, ROOMS } from "./rooms.ts";

/** What one check found: nothing, or the text that says what is wrong. */
type Check = () => Promise<string | undefined>;

const CHECK_TIMEOUT = 300_000;

function deno(...args: string[]): Check {
  return async () => {
    const result = await run(process.execPath, args, {
      timeout: CHECK_TIMEOUT,
    });
    if (result.code === 0) return undefined;
    return result.output +
      (result.timedOut ? `\nnot done after ${CHECK_TIMEOUT} ms` : "");
  };
}

function doors(): string[] {
  const { exports } = JSON.parse(readFileSync("deno.json", "utf8")) as {
    exports: Record<string, string>;
  };
  return Object.values(exports);
}

function rooms(): Promise<string | undefined> {
  const files = new Map<string, string>();
  for (const room of [...ROOMS, "."]) {
    if (!existsSync(room)) continue;
    for (
      const name of readdirSync(room, { recursive: room !== "." }) as string[]
    ) {
      const path = join(room, name).replaceAll("\\", "/");
      if (path.endsWith(".ts")) files.set(path, readFileSync(path, "utf8"));
    }
  }
  const problems = roomProblems(files);
  return Promise.resolve(
    problems.length === 0 ? undefined : problems.join("\n"),
  );
}

/** Runs all checks, two at a time; whether all are clean. */
export async function check(): Promise<boolean> {
  const checks: [string, Check][] = [
    ["deno check", deno("check", "--quiet", ".")],
    // Door by door: each has to show all that its own words are made of.
    ...doors().map((door): [string, Check] => [
      `deno doc --lint ${door}`,
      deno("doc", "--lint", door),
    ]),
    [
      "deno publish --dry-run",
      deno("publish", "--dry-run", "--allow-dirty", "--quiet"),
    ],
    ["deno lint", deno("lint", "--quiet")],
    ["deno fmt --check", deno("fmt", "--check", "--quiet")],
    ["rooms import only rooms above them", rooms],
  ];
  let clean = true;
  const next = async () => {
    for (
      let entry = checks.shift();
      entry !== undefined;
      entry = checks.shift()
    ) {
      const [name, find] = entry;
      const started = performance.now();
      const problem = await find();
      const took = `${((performance.now() - started) / 1000).toFixed(1)} s`;
      console.log(
        problem === undefined
          ? `ok      ${name} (${took})`
          : `FAILED  ${name} (${took})`,
      );
      if (problem === undefined) continue;
      clean = false;
      console.log(problem.trimEnd() + "\n");
    }
  };
  await Promise.all([next(), next()]);
  return clean;
}

if (import.meta.main) {
  endChildrenOnSignal();
  process.exit(await check() ? 0 : 1);
}
