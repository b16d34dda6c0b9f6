/**
 * Finds Bun, or fetches it from npm.
 *
 * npm's `bun` package carries no program; it depends on one package per system
 * that does, and links it by an install script. Scripts are often switched
 * off, so the program is taken from that package itself.
 *
 * @module
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { cacheFolder, withLock } from "./cache.ts";
import { type Env, run, which } from "./process.ts";

/** The Bun that is fetched when none is on PATH. */
export const BUN_VERSION = "1.4.5";

const INSTALL_TIMEOUT = 300_000;
const PROGRAM = process.platform === "win32" ? "bun.exe" : "bun";

/** Path of a Bun: the one on PATH, or one fetched into the cache folder. */
export async function findBun(
  options: { readonly log?: (line: string) => void; readonly env?: Env } = {},
): Promise<string> {
  const env = options.env ?? process.env;
  const log = options.log ?? ((line: string) => console.error(line));
  const onPath = which("bun", env);
  if (onPath !== undefined && await works(onPath, env)) return onPath;

  const root = cacheFolder(env);
  const cached = join(root, `bun-v${BUN_VERSION}`, PROGRAM);
  const fetchIt = async () => {
    log(`fetching Bun ${BUN_VERSION} from npm`);
    await fromNpm(root, cached, env);
    return cached;
  };
  return await withLock(join(root, `bun-v${BUN_VERSION}.lock`), fetchIt, {
    alreadyDone: () => existsSync(cached) ? cached : undefined,
    onWait: () => log("another process is fetching Bun; waiting for it"),
  });
}

async function fromNpm(root: string, cached: string, env: Env): Promise<void> {
  const npm = which("npm", env);
  if (npm === undefined) {
    throw new Error(
      "Cannot run the tests under Bun: neither bun nor npm is on PATH",
    );
  }
  mkdirSync(root, { recursive: true });
  const folder = mkdtempSync(join(root, "fetch-"));
  try {
    const args = [
      "--prefix",
      folder,
      "--ignore-scripts",
      "--no-save",
      "--no-audit",
      "--no-fund",
    ];
    const { code, output } = await run(npm, [
      "install",
      ...args,
      `bun@${BUN_VERSION}`,
    ], {
      env,
      cwd: folder,
      timeout: INSTALL_TIMEOUT,
    });
    if (code !== 0) {
      throw new Error(`Cannot fetch Bun: npm install failed:\n${output}`);
    }
    const packages = join(folder, "node_modules", "@oven");
    for (const name of readdirSync(packages)) {
      const program = join(packages, name, "bin", PROGRAM);
      // Where both are offered (musl and glibc, say), only one runs.
      if (!await works(program, env)) continue;
      mkdirSync(dirname(cached), { recursive: true });
      renameSync(program, cached);
      return;
    }
    throw new Error(
      `Cannot fetch Bun: nothing that npm installed runs on this system`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function works(program: string, env: Env): Promise<boolean> {
  if (!existsSync(program)) return false;
  return (await run(program, ["--version"], { env, timeout: 10_000 })).code ===
    0;
}
