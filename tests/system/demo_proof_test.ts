import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InMemoryEventStore, type StoredEvent } from "@flowmade/aether";
import type { HeadFile } from "../../examples/git_history/head.ts";
import type { Acknowledged } from "../../examples/git_history/ledger.ts";
import { prove, type Verdict } from "../../examples/git_history/proof.ts";

const base = { author: "Ada", time: "2026-01-01T00:00:00.000Z", deleted: 0 };

/** What a sound run leaves behind: two files there, one gone. */
async function sound() {
  await using store = new InMemoryEventStore({ namespace: "demo" });
  const acknowledged: Acknowledged[] = [];
  const append = async (key: string, eventType: string, data: object) => {
    const commandId = `c${acknowledged.length}:${eventType}`;
    const { events } = await store.append(`file-${key}`, [
      {
        eventType,
        data: { ...base, commit: `c${acknowledged.length}`, ...data },
        commandId,
      },
    ]);
    acknowledged.push({
      key,
      commandId,
      events: events.map((e) => [e.version, e.id]),
    });
  };
  const text = { kind: "text", blob: "1" };
  await append("a", "FileAdded", { path: "a", added: 3, ...text });
  await append("a", "LinesChanged", {
    added: 2,
    deleted: 1,
    ...text,
    author: "Bob",
  });
  await append("a", "LinesChanged", {
    added: 0,
    ...text,
    author: "Bob",
    blob: "2",
  });
  await append("b", "FileAdded", {
    path: "b",
    added: 0,
    kind: "binary",
    blob: "3",
  });
  await append("gone", "FileAdded", { path: "gone", added: 5, ...text });
  await append("gone", "FileDeleted", { added: 0, deleted: 5 });
  const events = await Array.fromAsync(store.read());
  const head: HeadFile[] = [
    { path: "a", kind: "text", blob: "2", lines: 4 },
    { path: "b", kind: "binary", blob: "3", lines: 0 },
  ];
  return { events, acknowledged, head, everyPath: new Set(["a", "b", "gone"]) };
}

type Run = Awaited<ReturnType<typeof sound>>;

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

function judge(run: Run): Promise<Verdict> {
  return prove({
    events: each(run.events),
    acknowledged: each(run.acknowledged),
    head: each(run.head),
    everyPath: run.everyPath,
  });
}

describe("prove()", () => {
  it("finds a sound run proven, and says what it counted", async () => {
    const verdict = await judge(await sound());
    assert.deepEqual(verdict.faults, []);
    const { busiest, faults: _faults, ...rest } = verdict;
    assert.deepEqual(rest, {
      proven: true,
      events: 6,
      actors: 3,
      texts: 1,
      linesInEvents: 4,
      linesInBlobs: 4,
      uncounted: [{ kind: "binary", path: "b" }],
      gone: 1,
      acknowledged: 6,
      lost: 0,
    });
    assert.deepEqual(busiest[0], {
      path: "a",
      commits: 3,
      author: "Bob",
      authorCommits: 2,
      gone: false,
    });
  });

  const broken: Record<string, (run: Run) => void> = {
    "an event that was lost": (run) => run.events.splice(2, 1),
    "a gap": (run) => run.events.splice(1, 1),
    "an event twice": (run) => run.events.splice(1, 0, run.events[1]!),
    "a command done twice": (run) => {
      const event = run.events[1]!;
      run.events.push({ ...event, id: "other", version: 4 } as StoredEvent);
    },
    "an event nobody acknowledged": (run) => {
      const event = run.events[3]!;
      run.events.push(
        {
          ...event,
          id: "x",
          version: 2,
          commandId: "x",
          eventType: "LinesChanged",
        } as StoredEvent,
      );
    },
    "an acknowledged command without event": (run) => {
      run.acknowledged.push({ key: "a", commandId: "x", events: [] });
    },
    "an answer with another event's id": (run) => {
      const { key, commandId } = run.acknowledged[0]!;
      run.acknowledged[0] = { key, commandId, events: [[1, "other"]] };
    },
    "other lines than at the end": (run) => {
      run.head[0] = { ...run.head[0]!, lines: 5 };
    },
    "another content than at the end": (run) => {
      run.head[1] = { ...run.head[1]!, blob: "4" };
    },
    "another kind than at the end": (run) => {
      run.head[1] = { ...run.head[1]!, kind: "symlink" };
    },
    "a file without events": (run) => {
      run.head.push({ path: "new", kind: "text", blob: "5", lines: 0 });
    },
    "a file that should be gone": (run) => run.head.splice(1, 1),
    "an actor that history does not know": (run) =>
      run.everyPath.delete("gone"),
    "a name without an actor": (run) => run.everyPath.add("never"),
    "an actor of another type": (run) => {
      run.events.push(
        { ...run.events[0]!, actorId: "folder-a" } as StoredEvent,
      );
    },
    "an actor under another file's name": (run) => {
      for (const [index, event] of run.events.entries()) {
        if (event.actorId === "file-b") {
          run.events[index] = { ...event, actorId: "file-c" } as StoredEvent;
        }
      }
    },
  };
  for (const [what, breakIt] of Object.entries(broken)) {
    it(`finds ${what}`, async () => {
      const run = await sound();
      breakIt(run);
      const verdict = await judge(run);
      assert.equal(verdict.proven, false);
      assert.ok(verdict.faults.length > 0);
    });
  }
});
