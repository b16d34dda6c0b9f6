import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, it } from "node:test";
import {
  findNatsServer,
  isAtLeast,
  parseVersion,
} from "../../tools/nats_binary.ts";
import { archiveName, FETCHED_VERSION } from "../../tools/nats_fetch.ts";
import type { Env } from "../../tools/process.ts";

const NOWHERE = "http://127.0.0.1:9"; // the discard port: nobody listens

let home: string;
let lines: string[];
const log = (line: string) => void lines.push(line);

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "aether-binary-test-"));
  lines = [];
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** An environment in which there is nothing but what the test puts in `bin`. */
function emptyEnv(more: Env = {}): Env {
  return {
    PATH: join(home, "bin"),
    XDG_CACHE_HOME: join(home, "cache"),
    HOME: home,
    ...more,
  };
}

/** A program that says it is a nats-server of some version. */
function fakeServer(folder: string, version: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "nats-server");
  writeFileSync(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  chmodSync(path, 0o755);
  return path;
}

describe("findNatsServer()", () => {
  it("takes the one that NATS_SERVER names", async () => {
    const path = fakeServer(join(home, "mine"), "2.14.0");
    assert.equal(
      await findNatsServer({ env: emptyEnv({ NATS_SERVER: path }), log }),
      path,
    );
  });

  it("refuses one named by NATS_SERVER that is missing or too old", async () => {
    const missing = join(home, "none");
    await assert.rejects(
      findNatsServer({ env: emptyEnv({ NATS_SERVER: missing }), log }),
      /Cannot use the nats-server named by NATS_SERVER: there is no file .*none/,
    );
    const old = fakeServer(join(home, "old"), "2.12.7");
    await assert.rejects(
      findNatsServer({ env: emptyEnv({ NATS_SERVER: old }), log }),
      /is version 2\.12\.7, needed is 2\.14\.0 or newer/,
    );
  });

  it("takes one on PATH", async () => {
    const path = fakeServer(join(home, "bin"), "2.15.9");
    assert.equal(await findNatsServer({ env: emptyEnv(), log }), path);
  });

  it("passes over one on PATH that is too old, and takes the fetched one", async () => {
    fakeServer(join(home, "bin"), "2.10.1");
    const cached = fakeServer(
      join(home, "cache", "aether", `nats-server-v${FETCHED_VERSION}`),
      FETCHED_VERSION,
    );
    const found = await findNatsServer({ env: emptyEnv({ HOME: home }), log });
    if (process.platform === "linux") assert.equal(found, cached);
    assert.match(
      lines.join("\n"),
      /passed over: .* is version 2\.10\.1, needed is 2\.14\.0/,
    );
  });

  it("says all it tried and what helps when nothing works", async () => {
    await assert.rejects(
      findNatsServer({ env: emptyEnv(), log, releases: NOWHERE }),
      (error) => {
        const { message } = error as Error;
        assert.match(
          message,
          /No nats-server 2\.14\.0 or newer could be found or fetched/,
        );
        assert.match(message, /- PATH: no nats-server on it/);
        assert.match(message, /- cache: nothing usable at /);
        assert.match(message, /- release: http:\/\/127\.0\.0\.1:9\S*: \S+/);
        assert.match(message, /- go install: there is no go on PATH/);
        assert.match(message, /NATS_SERVER/);
        return true;
      },
    );
  });
});

describe("findNatsServer(), from a release", () => {
  let releases: Server;
  let served: number;
  let url: string;

  /** Serves an archive with a program in it; `spoil` changes it after its sum was taken. */
  async function serve(
    options: { readonly spoil?: boolean } = {},
  ): Promise<void> {
    const name = archiveName("linux", process.arch);
    const folder = name.replace(".tar.gz", "");
    fakeServer(join(home, folder), FETCHED_VERSION);
    execFileSync("tar", ["-czf", join(home, name), "-C", home, folder]);
    const archive = readFileSync(join(home, name));
    const sum = createHash("sha256").update(archive).digest("hex");
    if (options.spoil) archive[0] = 0;
    served = 0;
    releases = createServer((request, response) => {
      if (request.url === `/v${FETCHED_VERSION}/SHA256SUMS`) {
        response.end(`${sum}  ${name}\n`);
      } else if (request.url === `/v${FETCHED_VERSION}/${name}`) {
        served++;
        response.end(archive);
      } else response.writeHead(404).end();
    }).listen(0, "127.0.0.1");
    await once(releases, "listening");
    url = `http://127.0.0.1:${(releases.address() as { port: number }).port}`;
  }

  // The archive holds a shell script and is unpacked with tar.
  const skip = process.platform !== "linux";
  const env = () => emptyEnv({ PATH: join(home, "bin") });

  afterEach(() => {
    releases?.closeAllConnections();
    releases?.close();
  });

  it("fetches, checks and keeps it, once for callers at the same time", {
    skip,
  }, async () => {
    await serve();
    const options = { env: env(), log, releases: url };
    const found = await Promise.all(
      [1, 2, 3].map(() => findNatsServer(options)),
    );
    assert.equal(new Set(found).size, 1);
    assert.equal(
      parseVersion(execFileSync(found[0]!, { encoding: "utf8" })),
      FETCHED_VERSION,
    );
    assert.equal(served, 1);
    assert.equal(await findNatsServer(options), found[0]);
    assert.equal(served, 1);
  });

  it("refuses an archive with another sum", { skip }, async () => {
    await serve({ spoil: true });
    await assert.rejects(
      findNatsServer({ env: env(), log, releases: url }),
      /release: .* has SHA-256 [0-9a-f]{64}, but SHA256SUMS says [0-9a-f]{64}/,
    );
  });
});

describe("isAtLeast()", () => {
  it("compares number by number", () => {
    assert.equal(isAtLeast("2.14.0", "2.14.0"), true);
    assert.equal(isAtLeast("2.15.2", "2.14.0"), true);
    assert.equal(isAtLeast("3.0.0", "2.14.9"), true);
    assert.equal(isAtLeast("2.9.30", "2.14.0"), false);
    assert.equal(isAtLeast("2.13.99", "2.14.0"), false);
  });

  it("takes a pre-release as older than its release", () => {
    assert.equal(isAtLeast("2.14.0-RC.1", "2.14.0"), false);
    assert.equal(isAtLeast("2.15.0-RC.1", "2.14.0"), true);
  });
});

describe("archiveName()", () => {
  it("follows the names of the releases", () => {
    const v = FETCHED_VERSION;
    assert.equal(
      archiveName("linux", "x64"),
      `nats-server-v${v}-linux-amd64.tar.gz`,
    );
    assert.equal(
      archiveName("darwin", "arm64"),
      `nats-server-v${v}-darwin-arm64.tar.gz`,
    );
    assert.equal(
      archiveName("win32", "x64"),
      `nats-server-v${v}-windows-amd64.zip`,
    );
    assert.throws(
      () => archiveName("sunos", "x64"),
      /no release archive for sunos on x64/,
    );
  });
});
