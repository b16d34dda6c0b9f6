/**
 * Finds a nats-server new enough for Aether, or fetches one.
 *
 * In this order: the binary named by `NATS_SERVER`, one on PATH, one fetched
 * before (in the user's cache folder), the official release archive checked
 * against the release's own SHA256SUMS, and at last `go install`, which needs
 * only a Go toolchain. Whatever is fetched is made in a folder of its own and
 * renamed into place, so a half-made binary is never run.
 *
 * @module
 */
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { cacheFolder, withLock } from "./cache.ts";
import {
  binaryName,
  FETCHED_VERSION,
  type FetchOptions,
  fromGo,
  fromRelease,
  isFile,
  messageOf,
  RELEASES,
} from "./nats_fetch.ts";
import { type Env, run, which } from "./process.ts";

/** Oldest nats-server that Aether works with. */
export const MINIMUM_VERSION = "2.14.0";

/** What {@link findNatsServer} may be told. */
export interface FindNatsServerOptions {
  /** Told in one line what is being done; default: standard error. */
  readonly log?: (line: string) => void;
  /** Environment to look in; default: this process's own. */
  readonly env?: Env;
  /** Base URL of the release archives; default: those of nats-io. */
  readonly releases?: string;
}

/** Path of a nats-server of at least {@link MINIMUM_VERSION}, fetched if need be. */
export async function findNatsServer(
  options: FindNatsServerOptions = {},
): Promise<string> {
  const env = options.env ?? process.env;
  const log = options.log ?? ((line: string) => console.error(line));
  if (env.NATS_SERVER) return await named(env.NATS_SERVER, env);

  const tried: string[] = [];
  const onPath = which("nats-server", env);
  if (onPath === undefined) tried.push("PATH: no nats-server on it");
  else {
    const problem = await problemWith(onPath, env);
    if (problem === undefined) return onPath;
    tried.push(`PATH: ${problem}`);
    log(`nats-server on PATH is passed over: ${problem}`);
  }

  const root = cacheFolder(env);
  const cached = join(root, `nats-server-v${FETCHED_VERSION}`, binaryName());
  if (await problemWith(cached, env) === undefined) return cached;
  tried.push(`cache: nothing usable at ${cached}`);
  rmSync(cached, { force: true }); // or waiting callers would take it as done

  const how: FetchOptions = {
    env,
    log,
    releases: options.releases ?? RELEASES,
  };
  const install = async () => {
    for (
      const [name, source] of [["release", fromRelease], [
        "go install",
        fromGo,
      ]] as const
    ) {
      try {
        await inFolderOfItsOwn(
          root,
          cached,
          env,
          (folder) => source(how, folder),
        );
        log(`nats-server ${FETCHED_VERSION} is ready: ${cached}`);
        return cached;
      } catch (error) {
        const reason = messageOf(error);
        tried.push(`${name}: ${reason}`);
        log(`${name} did not work: ${reason}`);
      }
    }
    throw new Error(
      [
        `No nats-server ${MINIMUM_VERSION} or newer could be found or fetched. Tried:`,
        ...tried.map((line) => `  - ${line}`),
        `What helps: install nats-server (https://docs.nats.io, "installing") and put it on PATH, ` +
        `or name the binary in the environment variable NATS_SERVER, ` +
        `or install Go (https://go.dev/dl) so that it can be built here.`,
      ].join("\n"),
    );
  };
  return await withLock(
    join(root, `nats-server-v${FETCHED_VERSION}.lock`),
    install,
    {
      alreadyDone: () => isFile(cached) ? cached : undefined,
      onWait: () =>
        log("another process is fetching nats-server; waiting for it"),
    },
  );
}

/** The version in the output of `nats-server --version`, such as `2.15.2`. */
export function parseVersion(output: string): string | undefined {
  return /nats-server: v?(\d+\.\d+\.\d+\S*)/.exec(output)?.[1];
}

/** Whether `version` is at least `minimum`; a pre-release counts as older than its release. */
export function isAtLeast(version: string, minimum: string): boolean {
  const numbers = (text: string) => text.split("-")[0]!.split(".").map(Number);
  const [have, need] = [numbers(version), numbers(minimum)];
  for (let i = 0; i < 3; i++) {
    if ((have[i] ?? 0) !== (need[i] ?? 0)) {
      return (have[i] ?? 0) > (need[i] ?? 0);
    }
  }
  return !version.includes("-") || minimum.includes("-");
}

async function named(path: string, env: Env): Promise<string> {
  const problem = await problemWith(path, env);
  if (problem === undefined) return path;
  throw new Error(
    `Cannot use the nats-server named by NATS_SERVER: ${problem}. ` +
      `Name a binary of version ${MINIMUM_VERSION} or newer, or unset NATS_SERVER.`,
  );
}

async function problemWith(
  path: string,
  env: Env,
): Promise<string | undefined> {
  if (!isFile(path)) return `there is no file ${path}`;
  const { code, output } = await run(path, ["--version"], {
    env,
    timeout: 10_000,
  });
  const version = parseVersion(output);
  if (code !== 0 || version === undefined) {
    return `${path} --version failed: ${
      output.trim().slice(0, 200) || `exit code ${code}`
    }`;
  }
  return isAtLeast(version, MINIMUM_VERSION)
    ? undefined
    : `${path} is version ${version}, needed is ${MINIMUM_VERSION} or newer`;
}

async function inFolderOfItsOwn(
  root: string,
  cached: string,
  env: Env,
  make: (folder: string) => Promise<string>,
): Promise<void> {
  mkdirSync(root, { recursive: true });
  const folder = mkdtempSync(join(root, "fetch-"));
  try {
    const made = await make(folder);
    chmodSync(made, 0o755);
    const problem = await problemWith(made, env);
    if (problem !== undefined) throw new Error(problem);
    mkdirSync(dirname(cached), { recursive: true });
    renameSync(made, cached);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
