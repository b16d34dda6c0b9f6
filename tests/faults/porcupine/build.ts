/** Builds the Go program beside this file, once for each text of it. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { cacheFolder, withLock } from "../../../tools/cache.ts";
import { run, which } from "../../../tools/process.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const SOURCES = ["go.mod", "go.sum", "main.go"];

/** Whether there is a Go toolchain on PATH. */
export function hasGo(): boolean {
  return which("go") !== undefined;
}

/**
 * The program's path; built where it is not there yet.
 *
 * @throws Where Go is missing, or cannot build it.
 */
export async function buildPorcupine(): Promise<string> {
  const hash = createHash("sha256");
  for (const name of SOURCES) hash.update(readFileSync(join(FOLDER, name)));
  const root = cacheFolder();
  const suffix = process.platform === "win32" ? ".exe" : "";
  const name = `porcupine-${hash.digest("hex").slice(0, 16)}${suffix}`;
  const program = join(root, name);
  if (existsSync(program)) return program;
  return await withLock(join(root, `${name}.lock`), () => build(program), {
    alreadyDone: () => existsSync(program) ? program : undefined,
    onWait: () => {},
  });
}

async function build(program: string): Promise<string> {
  const go = which("go");
  if (go === undefined) {
    throw new Error("Cannot build porcupine: no go on PATH");
  }
  mkdirSync(cacheFolder(), { recursive: true });
  const made = `${program}.${process.pid}`;
  const { code, output } = await run(
    go,
    ["build", "-trimpath", "-o", made, "."],
    { cwd: FOLDER, timeout: 300_000 },
  );
  if (code !== 0) throw new Error(`Cannot build porcupine: ${output}`);
  renameSync(made, program);
  return program;
}
