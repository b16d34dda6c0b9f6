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
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { cacheFolder, withLock } from "./cache.ts";
import { type Env, run, which } from "./process.ts";

/** Oldest nats-server that Aether works with. */
export const MINIMUM_VERSION = "2.14.0";
/** The nats-server that is fetched when none is there. */
export const FETCHED_VERSION = "2.15.2";

const RELEASES = "https://github.com/nats-io/nats-server/releases/download";
const GO_MODULE = "github.com/nats-io/nats-server/v2";
const CONNECT_TIMEOUT = 15_000;
const DOWNLOAD_TIMEOUT = 180_000;
const GO_TIMEOUT = 480_000;
const HEARTBEAT = 10_000;

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

  const work: Work = {
    root,
    cached,
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
        await inFolderOfItsOwn(work, (folder) => source(work, folder));
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

/** Name of the release archive for an operating system and a processor. */
export function archiveName(platform: string, arch: string): string {
  const system =
    { linux: "linux", darwin: "darwin", win32: "windows", freebsd: "freebsd" }[
      platform
    ];
  const processor =
    { x64: "amd64", arm64: "arm64", arm: "arm7", ia32: "386" }[arch];
  if (system === undefined || processor === undefined) {
    throw new Error(`there is no release archive for ${platform} on ${arch}`);
  }
  const ending = platform === "win32" ? "zip" : "tar.gz";
  return `nats-server-v${FETCHED_VERSION}-${system}-${processor}.${ending}`;
}

interface Work {
  readonly root: string;
  readonly cached: string;
  readonly env: Env;
  readonly log: (line: string) => void;
  readonly releases: string;
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
  work: Work,
  make: (folder: string) => Promise<string>,
): Promise<void> {
  mkdirSync(work.root, { recursive: true });
  const folder = mkdtempSync(join(work.root, "fetch-"));
  try {
    const made = await make(folder);
    chmodSync(made, 0o755);
    const problem = await problemWith(made, work.env);
    if (problem !== undefined) throw new Error(problem);
    mkdirSync(dirname(work.cached), { recursive: true });
    renameSync(made, work.cached);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fromRelease(work: Work, folder: string): Promise<string> {
  const name = archiveName(process.platform, process.arch);
  const base = `${work.releases}/v${FETCHED_VERSION}`;
  work.log(`fetching ${base}/${name}`);
  const sums = new TextDecoder().decode(
    await download(`${base}/SHA256SUMS`, work.log),
  );
  const line = sums.split("\n").map((text) => text.trim().split(/\s+/)).find((
    parts,
  ) => parts[1] === name || parts[1] === `*${name}`);
  if (line === undefined) {
    throw new Error(`${name} is not in ${base}/SHA256SUMS`);
  }
  const bytes = await download(`${base}/${name}`, work.log);
  const digest = createHash("sha256").update(bytes).digest("hex");
  if (digest !== line[0]) {
    throw new Error(
      `${name} has SHA-256 ${digest}, but SHA256SUMS says ${line[0]}`,
    );
  }
  const archive = join(folder, name);
  writeFileSync(archive, bytes);
  // tar of Windows and macOS is bsdtar, which reads .zip too.
  const { code, output } = await run("tar", ["-xf", archive, "-C", folder], {
    timeout: 60_000,
  });
  if (code !== 0) {
    throw new Error(`tar could not unpack ${name}: ${output.trim()}`);
  }
  return findFile(folder, binaryName());
}

async function download(
  url: string,
  log: (line: string) => void,
): Promise<Uint8Array> {
  const abort = new AbortController();
  let timer = setTimeout(
    () => abort.abort(new Error("no answer in time")),
    CONNECT_TIMEOUT,
  );
  try {
    const response = await fetch(url, { signal: abort.signal });
    clearTimeout(timer);
    timer = setTimeout(
      () => abort.abort(new Error("too slow")),
      DOWNLOAD_TIMEOUT,
    );
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`HTTP status ${response.status}`);
    }
    const total = Number(response.headers.get("content-length") ?? 0);
    const chunks: Uint8Array[] = [];
    let size = 0;
    let told = Date.now();
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      size += chunk.length;
      if (Date.now() - told < HEARTBEAT / 5) continue;
      told = Date.now();
      log(`  ${megabytes(size)}${total > 0 ? ` of ${megabytes(total)}` : ""}`);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    const reason = abort.signal.aborted ? abort.signal.reason : error;
    throw new Error(`${url}: ${messageOf(reason)}`);
  } finally {
    clearTimeout(timer);
  }
}

async function fromGo(work: Work, folder: string): Promise<string> {
  const go = which("go", work.env);
  if (go === undefined) throw new Error("there is no go on PATH");
  const target = `${GO_MODULE}@v${FETCHED_VERSION}`;
  work.log(`building with go install ${target} (a minute or two)`);
  const started = Date.now();
  const heartbeat = setInterval(() => {
    work.log(
      `  still building after ${Math.round((Date.now() - started) / 1000)} s`,
    );
  }, HEARTBEAT);
  try {
    const { code, output, timedOut } = await run(go, ["install", target], {
      env: { ...work.env, GOBIN: folder, CGO_ENABLED: "0" },
      timeout: GO_TIMEOUT,
    });
    if (timedOut) throw new Error(`not done after ${GO_TIMEOUT / 1000} s`);
    if (code !== 0) {
      throw new Error(output.trim().slice(-1_000) || `exit code ${code}`);
    }
  } finally {
    clearInterval(heartbeat);
  }
  return findFile(folder, binaryName());
}

function findFile(folder: string, name: string): string {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isFile() && entry.name === name) return path;
    if (entry.isDirectory() && isFile(join(path, name))) {
      return join(path, name);
    }
  }
  throw new Error(`there is no ${name} in what was fetched`);
}

function binaryName(): string {
  return process.platform === "win32" ? "nats-server.exe" : "nats-server";
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return error.message + cause;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MB`;
}
