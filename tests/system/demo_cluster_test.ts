import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { run, type RunResult } from "../../tools/process.ts";
import { isDeno, seeded } from "../support/mod.ts";
import { emptyRepository } from "./_git_builder.ts";
import { oddHistory } from "./_odd_history.ts";
import { randomHistory } from "./_random_history.ts";

const MAIN = fileURLToPath(
  new URL("../../examples/git_history/main.ts", import.meta.url),
);

/** Runs the demo as a user does, in the runtime of this test. */
function demo(...args: string[]): Promise<RunResult> {
  const run_ = isDeno ? ["run", "-A", "--quiet"] : [];
  return run(process.execPath, [...run_, MAIN, ...args], { timeout: 100_000 });
}

describe("the demo", () => {
  it("loses nothing when a worker is killed", async () => {
    using repository = randomHistory(seeded(7), 300).write();
    const { code, output } = await demo(repository.path);
    assert.equal(code, 0, output);
    assert.match(output, /Half-way: w2 .* was killed/);
    assert.match(output, /lost: 0\n/);
    assert.match(output, /\nProven\.\n$/);
  });
  it("keeps odd names through the log", async () => {
    using repository = oddHistory().write();
    const { code, output } = await demo(repository.path, "--window", "8");
    assert.equal(code, 0, output);
    assert.match(output, /symlink\s+was-file\n/);
    assert.match(output, /\nProven\.\n$/);
  });
  it("needs no server when embedded, and takes the first commits only", async () => {
    using repository = oddHistory().write();
    const { code, output } = await demo(
      repository.path,
      "--embedded",
      "--limit",
      "3",
    );
    assert.equal(code, 0, output);
    assert.match(output, /the first 3 of \d+ commits/);
    assert.match(output, /\nProven\.\n$/);
  });
  it("offers to do without a server where none can be had", async () => {
    using repository = oddHistory().write();
    const env = {
      ...process.env,
      NATS_SERVER: join(repository.path, "no-such-server"),
    };
    const args = isDeno ? ["run", "-A", "--quiet", MAIN] : [MAIN];
    const { code, output } = await run(
      process.execPath,
      [...args, repository.path],
      { env, timeout: 100_000 },
    );
    assert.equal(code, 1, output);
    assert.match(output, /--embedded/);
  });
  it("says in one line what it cannot use", async () => {
    const folder = mkdtempSync(join(tmpdir(), "aether-no-git-"));
    const cases: [RegExp, string[]][] = [
      [/not a git repository/, [folder]],
      [/is not a folder/, [join(folder, "nowhere")]],
      [/--limit is a whole number/, ["--limit", "some"]],
      [/--runtime is deno, bun or mixed/, ["--runtime", "node"]],
      [/One repository at a time/, ["a", "b"]],
    ];
    for (const [message, args] of cases) {
      const { code, output } = await demo(...args);
      assert.equal(code, 1, output);
      assert.match(output, message);
      assert.equal(output.trimEnd().split("\n").length, 1, output);
    }
    rmSync(folder, { recursive: true });
  });
  it("has nothing to do where there are no commits", async () => {
    using repository = emptyRepository();
    const { code, output } = await demo(repository.path);
    assert.equal(code, 0, output);
    assert.match(output, /no commits yet/);
  });
});
