/**
 * Fetches nats-server into a folder: the official release archive, checked
 * against the release's own SHA256SUMS, or a build by `go install`, which
 * needs only a Go toolchain and its module proxy.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type Env, run, which } from "./process.ts";

/** The nats-server that is fetched when none is there. */
export const FETCHED_VERSION = "2.15.2";
/** Where the release archives are. */
export const RELEASES =
  "https://github.com/nats-io/nats-server/releases/download";

const GO_MODULE = "github.com/nats-io/nats-server/v2";
const CONNECT_TIMEOUT = 15_000;
const DOWNLOAD_TIMEOUT = 180_000;
const GO_TIMEOUT = 480_000;
const HEARTBEAT = 10_000;

/** How it is fetched. */
export interface FetchOptions {
  /** Environment, with the PATH on which Go is looked for. */
  readonly env: Env;
  /** Told in one line what is being done. */
  readonly log: (line: string) => void;
  /** Base URL of the release archives. */
  readonly releases: string;
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

/** Fetches the release archive; returns the path of the program in `folder`. */
export async function fromRelease(
  options: FetchOptions,
  folder: string,
): Promise<string> {
  const name = archiveName(process.platform, process.arch);
  const base = `${options.releases}/v${FETCHED_VERSION}`;
  options.log(`fetching ${base}/${name}`);
  const sums = new TextDecoder().decode(
    await download(`${base}/SHA256SUMS`, options.log),
  );
  const line = sums.split("\n").map((text) => text.trim().split(/\s+/)).find((
    parts,
  ) => parts[1] === name || parts[1] === `*${name}`);
  if (line === undefined) {
    throw new Error(`${name} is not in ${base}/SHA256SUMS`);
  }
  const bytes = await download(`${base}/${name}`, options.log);
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

/** Builds it; returns the path of the program in `folder`. */
export async function fromGo(
  options: FetchOptions,
  folder: string,
): Promise<string> {
  const go = which("go", options.env);
  if (go === undefined) throw new Error("there is no go on PATH");
  const target = `${GO_MODULE}@v${FETCHED_VERSION}`;
  options.log(`building with go install ${target} (a minute or two)`);
  const started = Date.now();
  const heartbeat = setInterval(() => {
    options.log(
      `  still building after ${Math.round((Date.now() - started) / 1000)} s`,
    );
  }, HEARTBEAT);
  try {
    const { code, output, timedOut } = await run(go, ["install", target], {
      env: { ...options.env, GOBIN: folder, CGO_ENABLED: "0" },
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

/** Name of the program on this system. */
export function binaryName(): string {
  return process.platform === "win32" ? "nats-server.exe" : "nats-server";
}

/** Whether there is a file. */
export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** What an error says, with its cause. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return error.message + cause;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MB`;
}
