import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Aether, type StoredEvent } from "@flowmade/aether";
import { File } from "../../examples/git_history/file_actor.ts";
import { everyPath, readHead } from "../../examples/git_history/head.ts";
import type { Acknowledged } from "../../examples/git_history/ledger.ts";
import { keyOfPath, textOfPath } from "../../examples/git_history/path.ts";
import { prove, type Verdict } from "../../examples/git_history/proof.ts";
import { openRepository } from "../../examples/git_history/repository.ts";
import { DemoError } from "../../examples/git_history/errors.ts";
import { feedHistory } from "../../examples/git_history/run.ts";
import {
  emptyRepository,
  GitBuilder,
  lines,
  put,
  TemporaryRepository,
} from "./_git_builder.ts";
import { randomHistory } from "./_random_history.ts";
import { seeded } from "../support/mod.ts";
import { LONG_NAME, NOT_UTF8, oddHistory, UNCOUNTED } from "./_odd_history.ts";

interface Outcome {
  readonly verdict: Verdict;
  readonly failures: readonly string[];
  readonly retries: number;
  /** Types of the events of a file, in order. */
  readonly eventsOf: (path: string) => Promise<string[]>;
  /** Everything that happened to a file. */
  readonly storyOf: (path: string) => Promise<StoredEvent[]>;
  readonly close: () => Promise<void>;
}

/** Feeds a repository to actors in memory, and proves it. */
async function outcomeOf(path: string, limit?: number): Promise<Outcome> {
  const repository = await openRepository(path, limit);
  const aether = await Aether.start({ namespace: "demo", actors: [File] });
  const acknowledged: Acknowledged[] = [];
  const { failures, retries } = await feedHistory(aether, {
    repository,
    window: 16,
    onAnswer: ({ key, commandId }, { events }) =>
      acknowledged.push({
        key,
        commandId,
        events: events.map(({ version, id }) => [version, id]),
      }),
  });
  const { git, target } = repository;
  const verdict = await prove({
    events: aether.store.read(),
    acknowledged: async function* () {
      yield* acknowledged;
    }(),
    head: readHead(git, target!),
    everyPath: await everyPath(git, target!),
  });
  const storyOf = (path: string) =>
    aether.store.getEvents(`file-${keyOfPath(path)}`);
  return {
    verdict,
    failures,
    retries: retries.size,
    storyOf,
    eventsOf: async (path) => (await storyOf(path)).map((e) => e.eventType),
    close: () => aether.close(),
  };
}

describe("the history of an odd repository", () => {
  let repository: TemporaryRepository;
  let outcome: Outcome;
  before(async () => {
    repository = oddHistory().write({ bare: false });
    repository.git(["config", "diff.odd.binary", "true"]);
    // Attributes are read from the working tree, as git does.
    writeFileSync(
      join(repository.path, ".gitattributes"),
      repository.git(["show", "main:.gitattributes"]),
    );
    outcome = await outcomeOf(repository.path);
  });
  after(async () => {
    await outcome.close();
    repository[Symbol.dispose]();
  });

  it("adds up to what is there at the end", () => {
    const { verdict, failures, retries } = outcome;
    assert.deepEqual(failures, []);
    assert.deepEqual(verdict.faults, []);
    assert.equal(verdict.proven, true);
    assert.equal(retries, 0);
    assert.equal(verdict.linesInEvents, verdict.linesInBlobs);
  });
  it("lists each file that has no lines", () => {
    const listed = outcome.verdict.uncounted.map((f) => `${f.kind} ${f.path}`);
    assert.deepEqual(listed.sort(), [...UNCOUNTED].sort());
  });
  it("tells files that change places as renames, in both directions", async () => {
    for (const path of ["swap-a", "ring-1", "ring-2", "ring-3", "chain-2"]) {
      assert.deepEqual(
        (await outcome.eventsOf(path)).slice(0, 3),
        ["FileAdded", "FileRenamed", "FileAdded"],
        path,
      );
    }
    assert.deepEqual(await outcome.eventsOf("chain-1"), [
      "FileAdded",
      "FileRenamed",
    ]);
    assert.deepEqual(await outcome.eventsOf("winner"), [
      "FileAdded",
      "FileDeleted",
    ]);
    assert.deepEqual(await outcome.eventsOf("loser"), [
      "FileAdded",
      "LinesChanged",
    ]);
  });
  it("carries the lines of a renamed file over, edits included", async () => {
    const [added] = await outcome.storyOf("dir/renamed.txt");
    const data = added!.data as { from: string; added: number };
    assert.deepEqual([data.from, data.added], ["renamed.txt", 11]);
    assert.deepEqual(await outcome.eventsOf(textOfPath(NOT_UTF8)), [
      "FileAdded",
      "FileRenamed",
    ]);
    assert.deepEqual(await outcome.eventsOf(LONG_NAME), ["FileAdded"]);
  });
  it("follows files through types, binary content and deletion", async () => {
    const expected: Record<string, string[]> = {
      "text-to-binary": ["FileAdded", "ContentReplaced", "ContentReplaced"],
      "was-file": ["FileAdded", "ContentReplaced"],
      "module": ["FileAdded", "ContentReplaced"],
      "tool.sh": ["FileAdded", "LinesChanged"],
      "again": ["FileAdded", "FileDeleted", "FileAdded", "FileDeleted"],
      "minified.min.js": ["FileAdded", "ContentReplaced"],
      "plain.js": ["FileAdded", "FileRenamed", "FileAdded"],
    };
    for (const [path, types] of Object.entries(expected)) {
      assert.deepEqual(await outcome.eventsOf(path), types, path);
    }
  });
  it("counts a merge once, and credits who wrote the branch", async () => {
    for (const path of ["evil.txt", "side.txt"]) {
      const [added] = await outcome.storyOf(path);
      assert.equal((added!.data as { author: string }).author, "Ivy");
    }
    assert.deepEqual(await outcome.eventsOf("shared.txt"), [
      "FileAdded",
      "LinesChanged",
      "LinesChanged",
    ]);
  });
  it("can be cut off anywhere", async () => {
    for (const limit of [1, 5, 8, 13, 17]) {
      const { verdict, close } = await outcomeOf(repository.path, limit);
      assert.deepEqual(verdict.faults, [], `after ${limit} commits`);
      await close();
    }
  });
  it("is read the same whatever git's configuration says", async () => {
    const settings = {
      "diff.renames": "copies",
      "diff.noprefix": "true",
      "diff.algorithm": "histogram",
      "diff.submodule": "log",
      "diff.ignoreSubmodules": "all",
      "diff.relative": "true",
      "diff.external": "false",
      "log.showSignature": "true",
      "log.showRoot": "false",
      "log.diffMerges": "off",
      "log.follow": "true",
      "core.quotePath": "true",
      "color.ui": "always",
    };
    for (const [name, value] of Object.entries(settings)) {
      repository.git(["config", name, value]);
    }
    const { verdict, close } = await outcomeOf(repository.path);
    assert.deepEqual(verdict, outcome.verdict);
    await close();
  });
});

describe("any history", () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`adds up, seed ${seed}`, async () => {
      using repository = randomHistory(seeded(seed), 150).write();
      const { verdict, failures, close } = await outcomeOf(repository.path);
      assert.deepEqual(failures, []);
      assert.deepEqual(verdict.faults, []);
      assert.ok(verdict.events > 300);
      await close();
    });
  }
});

describe("openRepository()", () => {
  it("says what is no repository", async () => {
    const folder = mkdtempSync(join(tmpdir(), "aether-no-git-"));
    await assert.rejects(openRepository(folder), DemoError);
    await assert.rejects(
      openRepository(join(folder, "nowhere")),
      /is not a folder/,
    );
    rmSync(folder, { recursive: true });
  });
  it("opens one without commits", async () => {
    using repository = emptyRepository();
    const opened = await openRepository(repository.path);
    assert.equal(opened.target, undefined);
    assert.equal(opened.commits, 0);
  });
  it("finds the repository around a folder", async () => {
    using repository = oddHistory().write({ bare: false });
    const inside = await openRepository(join(repository.path, ".git"));
    assert.equal(
      inside.mainline,
      (await openRepository(repository.path)).mainline,
    );
  });
  it("takes the oldest commit of a shallow clone for the beginning", async () => {
    using repository = oddHistory().write();
    using clone = new TemporaryRepository(
      mkdtempSync(join(tmpdir(), "aether-shallow-")),
    );
    clone.git([
      "clone",
      "--quiet",
      "--bare",
      "--depth=4",
      `file://${repository.path}`,
      ".",
    ]);
    const opened = await openRepository(clone.path);
    assert.equal(opened.shallow, true);
    assert.equal(opened.mainline, 4);
    const { verdict, close } = await outcomeOf(clone.path);
    assert.deepEqual(verdict.faults, []);
    await close();
  });
  it("reads a repository with SHA-256 ids", async () => {
    using repository = new TemporaryRepository(
      mkdtempSync(join(tmpdir(), "aether-sha256-")),
    );
    repository.git([
      "init",
      "--quiet",
      "--initial-branch=main",
      "--object-format=sha256",
    ]);
    const git = new GitBuilder();
    git.commit("Ada", [put("a", lines("a", 3))]);
    git.commit("Ada", [put("b", lines("a", 3)), put("a", lines("a", 4))]);
    repository.git(["fast-import", "--quiet"], git.stream());
    const { verdict, close } = await outcomeOf(repository.path);
    assert.deepEqual(verdict.faults, []);
    assert.equal(verdict.linesInEvents, 7);
    await close();
  });
});
