/**
 * A run of faults against a changed copy of the source: everything that takes part
 * in it, runner, nodes and checker, is loaded from the copy.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, symlinkSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Change } from "./bugs.ts";

/** How the copy is run. */
export interface MutantRun {
  readonly fault: string;
  readonly seed: number;
}

/** What came of it. */
export interface MutantVerdict {
  readonly code: number | null;
  /** What the run has found; undefined where it left nothing behind. */
  readonly kept: {
    readonly schedule: readonly { readonly id: string }[];
    readonly violations: readonly string[];
  } | undefined;
  /** All it has said. */
  readonly output: string;
}

/** Calls a second: enough to meet each other. */
const RATE = 200;
/** Milliseconds after which a run is taken for one that hangs. */
const LIMIT = 8 * 60_000;
/** Left out of the copy. */
const ELSEWHERE = new Set(["node_modules", ".git", ".cache"]);

/** Copies the source, changes it, and runs the copy once, quickly, on one server. */
export async function runMutant(
  changes: readonly Change[],
  { fault, seed }: MutantRun,
): Promise<MutantVerdict> {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const copy = mkdtempSync(join(tmpdir(), "aether-seeded-"));
  try {
    cpSync(root, copy, {
      recursive: true,
      filter: (path) => !ELSEWHERE.has(basename(path)),
    });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    for (const change of changes) await apply(copy, change);
    const { code, output } = await told(copy, [
      ...["--quick", "--save", "--rate", String(RATE)],
      ...["--seed", String(seed), "--only", fault],
    ]);
    return { code, output, kept: keptIn(copy, seed) };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function apply(copy: string, { file, from, to }: Change): Promise<void> {
  const path = join(copy, file);
  const source = readFileSync(path, "utf8");
  if (source.split(from).length !== 2) {
    throw new Error(`${file} has not one place that says: ${from}`);
  }
  await writeFile(path, source.replace(from, () => to));
}

function told(
  copy: string,
  options: readonly string[],
): Promise<Pick<MutantVerdict, "code" | "output">> {
  const main = join(copy, "tests/faults/run/main.ts");
  const child = spawn(
    process.execPath,
    ["run", "-A", "--no-check", main, ...options],
    { cwd: copy, stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  const timer = setTimeout(() => child.kill("SIGTERM"), LIMIT);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}

function keptIn(copy: string, seed: number): MutantVerdict["kept"] {
  try {
    return JSON.parse(
      readFileSync(join(copy, ".cache/faults", `${seed}.json`), "utf8"),
    );
  } catch {
    return undefined; // it has not got that far
  }
}
