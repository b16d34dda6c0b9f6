import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { sweep } from "../../tools/nats_folder.ts";
import { eventually, isDeno } from "../support/mod.ts";
import { isAlive } from "./_process.ts";

const PROGRAM = new URL("./_starts_server.ts", import.meta.url).pathname;

/** A program that has started a server. */
interface Started {
  readonly program: ChildProcess;
  readonly server: number;
}

/** Runs the program in the runtime that runs this test, with a temporary folder of its own. */
async function start(temp: string, how: string): Promise<Started> {
  const args = isDeno
    ? ["run", "-A", "--no-check", PROGRAM, how]
    : [PROGRAM, how];
  const program = spawn(process.execPath, args, {
    env: { ...process.env, TMPDIR: temp },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const told = Promise.withResolvers<number>();
  let text = "";
  program.stdout!.on("data", (chunk: Uint8Array) => {
    text += new TextDecoder().decode(chunk);
    const pid = /pid (\d+)\n/.exec(text)?.[1];
    if (pid !== undefined) told.resolve(Number(pid));
  });
  program.once(
    "exit",
    () => told.reject(new Error(`the program ended early: ${text}`)),
  );
  return { program, server: await told.promise };
}

describe("the folder of a server", () => {
  let temp: string;
  before(() => {
    temp = mkdtempSync(join(tmpdir(), "aether-folder-test-"));
  });
  after(() => rmSync(temp, { recursive: true, force: true }));

  async function vanishes(server: number): Promise<void> {
    await eventually(() => !isAlive(server) && readdirSync(temp).length === 0);
  }

  for (const signal of ["SIGINT", "SIGTERM", "SIGKILL"] as const) {
    it(`goes with its server when the program gets ${signal}, which ends it as ever`, async () => {
      const { program, server } = await start(temp, "wait");
      assert.equal(readdirSync(temp).length, 1);
      const ended = once(program, "exit");
      process.kill(program.pid!, signal);
      assert.deepEqual(await ended, [null, signal]);
      await vanishes(server);
    });
  }

  it("goes with its server when the program has an error nobody catches", async () => {
    const { program, server } = await start(temp, "throw");
    if (program.exitCode === null) await once(program, "exit");
    assert.equal(program.exitCode, 1);
    await vanishes(server);
  });

  it("goes with its server when the program returns, which the server does not prevent", async () => {
    const { program, server } = await start(temp, "return");
    if (program.exitCode === null) await once(program, "exit");
    assert.equal(program.exitCode, 0);
    await vanishes(server);
  });
});

describe("sweep()", () => {
  it("removes what owners left that are gone, and nothing else", async () => {
    const temp = mkdtempSync(join(tmpdir(), "aether-sweep-test-"));
    const gone = spawn(process.execPath, ["--version"], { stdio: "ignore" });
    await once(gone, "exit");
    const names = {
      left: `aether-nats-${gone.pid}-x`,
      ours: `aether-nats-${process.pid}-x`,
      other: "aether-natsuki",
    };
    for (const name of Object.values(names)) {
      mkdirSync(join(temp, name, "n1"), { recursive: true });
    }
    // A process whose command line does not name the folder is someone else's.
    writeFileSync(join(temp, names.left, "n1", "pid"), String(process.pid));
    const path = join(temp, names.left);
    const args = ["-c", "echo started; read line", path];
    const stray = spawn("sh", args, { stdio: ["pipe", "pipe", "ignore"] });
    await once(stray.stdout, "data");
    mkdirSync(join(path, "n2"));
    writeFileSync(join(path, "n2", "pid"), String(stray.pid));
    const ended = once(stray, "exit");
    sweep(temp);
    assert.deepEqual(await ended, [null, "SIGKILL"]);
    assert.deepEqual(
      readdirSync(temp).sort(),
      [names.ours, names.other].sort(),
    );
    assert.equal(existsSync(path), false);
    rmSync(temp, { recursive: true, force: true });
  });
});
