import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Random, seeded } from "../support/mod.ts";
import {
  checkHistory,
  type Entry,
  type LoggedEvent,
} from "./checker/history.ts";

/** A history in which all is right: several actors, calls that overlap, all outcomes. */
function rightHistory(random: Random, calls = 400) {
  const journal: Entry[] = [];
  const log: LoggedEvent[] = [];
  const versions = new Map<string, number>();
  const open: (() => void)[] = [];
  let sequence = 0;
  for (let call = 1; call <= calls; call++) {
    const actors = random.next() < 0.1
      ? ["a-1", "a-2"]
      : [random.pick(["a-1", "a-2", "b-1"])];
    const parts = actors.map((actorId, i) => ({
      actorId,
      eventIds: Array.from(
        { length: 1 + random.int(3) },
        (_, j) => `e${call}.${i}.${j}`,
      ),
    }));
    const commitId = `c${call}`;
    journal.push({ type: "append", call, parts });
    const store = () =>
      parts.map(({ actorId, eventIds }) => {
        sequence++;
        for (const id of eventIds) {
          const version = (versions.get(actorId) ?? 0) + 1;
          versions.set(actorId, version);
          log.push({ id, actorId, version, sequence, commitId });
        }
        return versions.get(actorId)!;
      });
    const fate = random.next();
    if (fate < 0.1) {
      open.push(() =>
        journal.push({ type: "failed", call, code: "version_conflict" })
      );
    } else if (fate < 0.15) {
      open.push(() => journal.push({ type: "unknown", call }));
    } else if (fate < 0.2) {
      store();
      open.push(() => journal.push({ type: "unknown", call }));
    } else {
      const told = store();
      open.push(() =>
        journal.push({ type: "ok", call, commitId, versions: told })
      );
    }
    while (open.length > random.int(6)) {
      open.splice(random.int(open.length), 1)[0]!();
    }
    if (random.next() < 0.1) {
      journal.push({ type: "read", call: call + 10_000, actorId: "a-1" });
      journal.push({
        type: "saw",
        call: call + 10_000,
        version: versions.get("a-1") ?? 0,
      });
    }
  }
  for (const end of open) end();
  return { journal, log };
}

/** The sequence-th `ok` of one event, of an actor that has events on both sides. */
function someOk(journal: readonly Entry[], random: Random) {
  const oks = journal.filter((entry) => entry.type === "ok").slice(20, -20);
  const ok = random.pick(oks);
  const begun = journal.find((e) => e.type === "append" && e.call === ok.call);
  assert(begun?.type === "append");
  return { ok, part: begun.parts[0]!, begun };
}

describe("checkHistory()", () => {
  const random = seeded();

  it("finds nothing in a history in which all is right", () => {
    for (let i = 0; i < 20; i++) {
      const { journal, log } = rightHistory(random);
      assert.deepEqual(checkHistory(journal, log), []);
    }
  });

  const bugs: Record<string, (journal: Entry[], log: LoggedEvent[]) => RegExp> =
    {
      "an acknowledged event that is lost, the rest moved up": (
        journal,
        log,
      ) => {
        const { part } = someOk(journal, random);
        const i = log.findIndex(({ id }) => id === part.eventIds[0]);
        const [gone] = log.splice(i, 1);
        for (const [j, event] of log.entries()) {
          if (j >= i && event.actorId === gone!.actorId) {
            log[j] = { ...event, version: event.version - 1 };
          }
        }
        return /and it is lost/;
      },
      "a gap in the versions": (journal, log) => {
        const { part } = someOk(journal, random);
        log.splice(log.findIndex(({ id }) => id === part.eventIds[0]), 1);
        return /follows version/;
      },
      "an event stored twice": (journal, log) => {
        const { part } = someOk(journal, random);
        const event = log.find(({ id }) => id === part.eventIds[0])!;
        const { version } = log.findLast(({ actorId }) =>
          actorId === event.actorId
        )!;
        const sequence = log.at(-1)!.sequence + 1;
        log.push({ ...event, version: version + 1, sequence });
        return /is there twice/;
      },
      "a commit at two places": (_journal, log) => {
        const event = log.at(-1)!;
        const sequence = event.sequence + 1;
        log.push({ ...event, id: "new", version: event.version + 1, sequence });
        return /is at two places/;
      },
      "one version given to two events": (_journal, log) => {
        log.push({ ...log.at(-1)!, id: "new" });
        return /follows version/;
      },
      "an effect of a call that failed": (journal, log) => {
        const { begun, part } = someOk(journal, random);
        const i = journal.findIndex((e) =>
          e.type === "ok" && e.call === begun.call
        );
        journal[i] = {
          type: "failed",
          call: begun.call,
          code: "store_unavailable",
        };
        assert(log.some(({ id }) => id === part.eventIds[0]));
        return /failed \(store_unavailable\), yet/;
      },
      "half of a call whose outcome is unknown": (journal, log) => {
        const { begun } = someOk(journal, random);
        const i = journal.findIndex((e) =>
          e.type === "ok" && e.call === begun.call
        );
        const more = {
          ...begun.parts[0]!,
          eventIds: [...begun.parts[0]!.eventIds, "never"],
        };
        journal[journal.indexOf(begun)] = {
          ...begun,
          parts: [more, ...begun.parts.slice(1)],
        };
        journal[i] = { type: "unknown", call: begun.call };
        assert(log.length > 0);
        return /is in the log by/;
      },
      "an acknowledgement with a wrong version": (journal) => {
        const { ok } = someOk(journal, random);
        journal[journal.indexOf(ok)] = {
          ...ok,
          versions: ok.versions.map((v) => v + 1),
        };
        return /and the log has it as/;
      },
      "an acknowledgement of another's commit": (journal) => {
        const { ok } = someOk(journal, random);
        journal[journal.indexOf(ok)] = { ...ok, commitId: "another" };
        return /not by/;
      },
      "a later call stored before one that was acknowledged": (
        journal,
        log,
      ) => {
        // The call seems to begin only when everything else has been answered.
        const { begun, ok } = someOk(journal, random);
        journal.splice(journal.indexOf(ok), 1);
        journal.splice(journal.indexOf(begun), 1);
        journal.push(begun, ok);
        assert(log.length > 0);
        return /was acknowledged/;
      },
      "the same, its outcome unknown": (journal) => {
        const { begun, ok } = someOk(journal, random);
        journal.splice(journal.indexOf(ok), 1);
        journal.splice(journal.indexOf(begun), 1);
        journal.push(begun, { type: "unknown", call: ok.call });
        return /was acknowledged/;
      },
      "a log out of order": (_journal, log) => {
        const last = log.at(-1)!;
        log[log.length - 1] = { ...last, sequence: 1 };
        return /stands behind sequence/;
      },
      "a stale read": (journal) => {
        journal.push({ type: "read", call: 99_999, actorId: "a-1" });
        journal.push({ type: "saw", call: 99_999, version: 1 });
        return /read version 1 of a-1 after/;
      },
      "a read of what was never stored": (journal) => {
        journal.push({ type: "read", call: 99_999, actorId: "a-1" });
        journal.push({ type: "saw", call: 99_999, version: 1_000_000 });
        return /which the log does not have/;
      },
      "a call that never ends": (journal) => {
        const { ok } = someOk(journal, random);
        journal.splice(journal.indexOf(ok), 1);
        return /never ended/;
      },
      "a call that ends twice": (journal) => {
        const { ok } = someOk(journal, random);
        journal.push(ok);
        return /ends twice/;
      },
      "an event that nobody wrote": (_journal, log) => {
        const last = log.at(-1)!;
        log.push({
          ...last,
          id: "new",
          commitId: "new",
          version: last.version + 1,
          sequence: last.sequence + 1,
        });
        return /nobody wrote/;
      },
    };
  for (const [bug, seed] of Object.entries(bugs)) {
    it(`finds ${bug}`, () => {
      for (let i = 0; i < 10; i++) {
        const { journal, log } = rightHistory(random);
        const expected = seed(journal, log);
        assert.match(checkHistory(journal, log).join("\n"), expected);
      }
    });
  }

  it("finds a read that misses what an earlier one saw", () => {
    const part = { actorId: "a-1", eventIds: ["e1"] };
    const seen = (first: number, second: number): Entry[] => [
      { type: "append", call: 1, parts: [part] },
      { type: "read", call: 2, actorId: "a-1" },
      { type: "saw", call: 2, version: first },
      { type: "read", call: 3, actorId: "a-1" },
      { type: "saw", call: 3, version: second },
      { type: "ok", call: 1, commitId: "c1", versions: [1] },
    ];
    const place = { actorId: "a-1", version: 1, sequence: 1 };
    const log = [{ ...place, id: "e1", commitId: "c1" }];
    for (const [first, second] of [[0, 0], [0, 1], [1, 1]] as const) {
      assert.deepEqual(checkHistory(seen(first, second), log), []);
    }
    assert.deepEqual(checkHistory(seen(1, 0), log), [
      "call 3 read version 0 of a-1 after 1 was acknowledged or read",
    ]);
  });

  it("takes time in proportion to the history", () => {
    const { journal, log } = rightHistory(random, 20_000);
    const start = performance.now();
    assert.deepEqual(checkHistory(journal, log), []);
    assert(performance.now() - start < 3_000);
  });
});
