import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Random, seeded } from "../support/mod.ts";
import {
  checkHistory,
  type Entry,
  type LoggedEvent,
  type Part,
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

/** Entries and events of the histories below, in a few letters. */
const append = (call: number, ...parts: Part[]): Entry => ({
  type: "append",
  call,
  parts,
});
const again = (call: number, first: number, ...parts: Part[]): Entry => ({
  type: "append",
  call,
  parts,
  again: first,
});
const part = (actorId: string, ...eventIds: string[]): Part => ({
  actorId,
  eventIds,
});
const ok = (call: number, commitId: string, ...versions: number[]): Entry => ({
  type: "ok",
  call,
  commitId,
  versions,
});
const failed = (call: number, code = "full"): Entry => ({
  type: "failed",
  call,
  code,
});
const unknown = (call: number): Entry => ({ type: "unknown", call });
const read = (call: number, actorId: string): Entry => ({
  type: "read",
  call,
  actorId,
});
const saw = (call: number, version: number): Entry => ({
  type: "saw",
  call,
  version,
});
/** `x a-1@1 1 c1`: event x is version 1 of a-1, at sequence 1, in commit c1. */
const logged = (line: string): LoggedEvent => {
  const [id, actorId, version, sequence, commitId] = line.split(/[ @]/);
  return {
    id: id!,
    actorId: actorId!,
    version: Number(version),
    sequence: Number(sequence),
    commitId: commitId!,
  };
};

/** Small histories, and every word that is said of them. */
const SMALL: readonly [string, Entry[], string[], string[]][] = [
  ["nothing at all", [], [], []],
  [
    "two events of one call",
    [append(1, part("a-1", "x", "y")), ok(1, "c1", 2)],
    ["x a-1@1 1 c1", "y a-1@2 1 c1"],
    [],
  ],
  [
    "one call for two actors",
    [append(1, part("a-1", "x"), part("b-1", "y")), ok(1, "c1", 1, 1)],
    ["x a-1@1 1 c1", "y b-1@1 2 c1"],
    [],
  ],
  [
    "calls that overlap, answered in the other order",
    [
      append(1, part("a-1", "x")),
      append(2, part("a-1", "y")),
      ok(1, "c1", 2),
      ok(2, "c2", 1),
    ],
    ["y a-1@1 1 c2", "x a-1@2 2 c1"],
    [],
  ],
  [
    "a call that stored before what was acknowledged when it began",
    [
      append(1, part("b-1", "x")),
      ok(1, "c1", 2),
      append(2, part("a-1", "y"), part("b-1", "z")),
      ok(2, "c2", 1, 1),
    ],
    ["y a-1@1 1 c2", "z b-1@1 2 c2", "x b-1@2 3 c1"],
    ["call 2 stored b-1@1 after 2 was acknowledged or read"],
  ],
  [
    "a call that stored at the version that was acknowledged",
    [
      append(1, part("a-1", "x")),
      ok(1, "c1", 1),
      append(2, part("a-1", "y")),
      ok(2, "c2", 1),
    ],
    ["x a-1@1 1 c1"],
    [
      "call 2 stored a-1@1, and it is lost",
      "call 2 stored a-1@1 after 1 was acknowledged or read",
    ],
  ],
  [
    "calls that end twice or never began",
    [
      append(1, part("a-1", "x")),
      ok(1, "c1", 1),
      ok(1, "c1", 1),
      failed(2),
    ],
    ["x a-1@1 1 c1"],
    [
      "call 1 ends twice, or never began",
      "call 2 ends twice, or never began",
    ],
  ],
  [
    "calls that never end",
    [append(1, part("a-1", "x")), read(2, "a-1")],
    ["x a-1@1 1 c1"],
    ["call 1 never ended", "call 2 never ended"],
  ],
  [
    "a call that failed and left one of its events",
    [append(1, part("a-1", "x", "y")), failed(1)],
    ["y a-1@1 7 c1"],
    [
      "call 1 failed (full), yet a-1@1 (event y, sequence 7) is in the log",
    ],
  ],
  [
    "calls that failed or are unknown, and left nothing",
    [
      append(1, part("a-1", "x", "y")),
      failed(1),
      append(2, part("a-1", "z")),
      unknown(2),
    ],
    [],
    [],
  ],
  [
    "an unknown call that was stored",
    [append(1, part("a-1", "x", "y"), part("b-1", "z")), unknown(1)],
    ["x a-1@1 1 c1", "y a-1@2 1 c1", "z b-1@1 2 c1"],
    [],
  ],
  [
    "an unknown call that was stored by its second half",
    [append(1, part("a-1", "x", "y", "z")), unknown(1)],
    ["y a-1@1 1 c1", "z a-1@2 1 c1"],
    ["call 1 is in the log by 2 of 3 events"],
  ],
  [
    "an unknown call that was stored in two commits",
    [append(1, part("a-1", "x", "y")), unknown(1)],
    ["x a-1@1 1 c1", "y a-1@2 2 c2"],
    ["call 1 stored a-1@2 by c1, not by c2"],
  ],
  [
    "an unknown call whose events were turned round",
    [append(1, part("a-1", "x", "y")), unknown(1)],
    ["y a-1@1 1 c1", "x a-1@2 1 c1"],
    [
      "call 1 stored a-1@0, and the log has it as a-1@2 (event x, sequence 1)",
      "call 1 stored a-1@0 after 0 was acknowledged or read",
    ],
  ],
  [
    "an acknowledged event that is lost",
    [append(1, part("a-1", "x", "y")), ok(1, "c1", 2)],
    ["x a-1@1 1 c1"],
    [
      "call 1 stored a-1@2, and it is lost",
      "call 1 is in the log by 1 of 2 events",
    ],
  ],
  [
    "an acknowledged event that another actor has",
    [append(1, part("a-1", "x")), ok(1, "c1", 1)],
    ["x b-1@1 1 c1"],
    ["call 1 stored a-1@1, and the log has it as b-1@1 (event x, sequence 1)"],
  ],
  [
    "acknowledgements of other versions and commits",
    [append(1, part("a-1", "x")), ok(1, "c1", 2), append(2, part("b-1", "y"))]
      .concat(ok(2, "c3", 1)),
    ["x a-1@1 1 c1", "y b-1@1 2 c2"],
    [
      "call 1 stored a-1@2, and the log has it as a-1@1 (event x, sequence 1)",
      "call 2 stored b-1@1 by c3, not by c2",
    ],
  ],
  [
    "reads of what was acknowledged, of more, and of nothing",
    [
      append(1, part("a-1", "x")),
      ok(1, "c1", 1),
      read(2, "a-1"),
      append(3, part("a-1", "y")),
      read(4, "a-1"),
      saw(2, 1),
      saw(4, 2),
      ok(3, "c3", 2),
      read(5, "b-1"),
      saw(5, 0),
    ],
    ["x a-1@1 1 c1", "y a-1@2 2 c3"],
    [],
  ],
  [
    "a read of less than the latest that was acknowledged",
    [
      append(1, part("a-1", "x")),
      append(2, part("a-1", "y")),
      ok(2, "c2", 2),
      ok(1, "c1", 1),
      read(3, "a-1"),
      saw(3, 1),
    ],
    ["x a-1@1 1 c1", "y a-1@2 2 c2"],
    ["call 3 read version 1 of a-1 after 2 was acknowledged or read"],
  ],
  [
    "reads of more than the log has",
    [
      append(1, part("a-1", "x")),
      ok(1, "c1", 1),
      read(2, "a-1"),
      saw(2, 2),
      read(3, "b-1"),
      saw(3, 1),
    ],
    ["x a-1@1 1 c1"],
    [
      "call 2 read version 2 of a-1, which the log does not have",
      "call 3 read version 1 of b-1, which the log does not have",
    ],
  ],
  [
    "a log that begins late and goes on with a gap",
    [append(1, part("a-1", "x")), ok(1, "c1", 2)]
      .concat(append(2, part("a-1", "y")), ok(2, "c2", 4)),
    ["x a-1@2 1 c1", "y a-1@4 2 c2"],
    [
      "a-1@2 (event x, sequence 1) follows version 0",
      "a-1@4 (event y, sequence 2) follows version 2",
    ],
  ],
  [
    "an event that is there twice, in a commit that is too",
    [append(1, part("a-1", "x")), unknown(1)],
    ["x a-1@1 1 c1", "x a-1@2 2 c1"],
    [
      "a-1@2 (event x, sequence 2) is there twice",
      "commit c1 of a-1@2 (event x, sequence 2) is at two places",
    ],
  ],
  [
    "a log that is out of order",
    [append(1, part("a-1", "x"), part("b-1", "y")), ok(1, "c1", 1, 1)],
    ["x a-1@1 2 c1", "y b-1@1 1 c1"],
    ["b-1@1 (event y, sequence 1) stands behind sequence 2"],
  ],
  [
    "commits that share a sequence",
    [append(1, part("a-1", "x"), part("b-1", "y")), ok(1, "c1", 1, 1)]
      .concat(append(2, part("b-1", "z")), ok(2, "c2", 2)),
    ["x a-1@1 1 c1", "y b-1@1 1 c1", "z b-1@2 1 c2"],
    [
      "b-1@1 (event y, sequence 1) shares its sequence with another commit",
      "b-1@2 (event z, sequence 1) shares its sequence with another commit",
    ],
  ],
  [
    "an event that nobody wrote",
    [append(1, part("a-1", "x")), ok(1, "c1", 1)],
    ["x a-1@1 1 c1", "y a-1@2 2 c2"],
    ["nobody wrote a-1@2 (event y, sequence 2)"],
  ],
  [
    "a command that comes again, and is answered from its old place",
    [append(1, part("a-1", "x")), ok(1, "c1", 1)]
      .concat(append(2, part("a-1", "y")), ok(2, "c2", 2))
      .concat(again(3, 1, part("a-1", "x")), ok(3, "c1", 1)),
    ["x a-1@1 1 c1", "y a-1@2 2 c2"],
    [],
  ],
  [
    "a command that comes again, and is told of another commit",
    [append(1, part("a-1", "x")), ok(1, "c1", 1)]
      .concat(again(2, 1, part("a-1")), ok(2, "c2", 1)),
    ["x a-1@1 1 c1"],
    ["call 2 was answered otherwise than call 1, whose command it repeats: version 1 by c2"],
  ],
  [
    "a command that comes again, and is told of another version",
    [append(1, part("a-1", "x"), part("b-1", "y")), ok(1, "c1", 1, 1)]
      .concat(again(2, 1, part("a-1"), part("b-1")), ok(2, "c1", 1, 2)),
    ["x a-1@1 1 c1", "y b-1@1 2 c1"],
    ["call 2 was answered otherwise than call 1, whose command it repeats: version 1,2 by c1"],
  ],
  ...["rejected", "nothing"].map((
    code,
  ): [string, Entry[], string[], string[]] => [
    `a command that was done, comes again, and is told "${code}"`,
    [append(1, part("a-1", "x")), ok(1, "c1", 1)]
      .concat(again(2, 1, part("a-1")), failed(2, code)),
    ["x a-1@1 1 c1"],
    [`call 2 was answered otherwise than call 1, whose command it repeats: "${code}"`],
  ]),
  [
    "a command that was done, and whose second attempt failed",
    [append(1, part("a-1", "x")), ok(1, "c1", 1)]
      .concat(again(2, 1, part("a-1", "x")), failed(2)),
    ["x a-1@1 1 c1"],
    [],
  ],
  [
    "a command that came to nothing, and comes again to nothing",
    [append(1, part("a-1", "x")), failed(1, "rejected")]
      .concat(again(2, 1, part("a-1", "x")), failed(2, "rejected")),
    [],
    [],
  ],
  [
    "a command that failed, was rejected when it came again, and is in the log",
    [append(1, part("a-1", "x")), unknown(1)]
      .concat(again(2, 1, part("a-1", "x")), failed(2, "rejected")),
    ["x a-1@1 1 c1"],
    ["call 2 failed (rejected), yet a-1@1 (event x, sequence 1) is in the log"],
  ],
];

/** An array that counts how often an element is read. */
function counted<T>(values: readonly T[]): { reads: number; array: T[] } {
  const result = { reads: 0, array: [] as T[] };
  result.array = new Proxy([...values], {
    get(target, key, receiver) {
      if (typeof key === "string" && /^\d+$/.test(key)) result.reads++;
      return Reflect.get(target, key, receiver);
    },
  });
  return result;
}

describe("checkHistory()", () => {
  for (const [what, journal, log, problems] of SMALL) {
    it(`says all and no more of ${what}`, () => {
      assert.deepEqual(checkHistory(journal, log.map(logged)), problems);
    });
  }

  it("tells of a stale read apart, and where it was told", () => {
    const told: unknown[] = [];
    const journal = [
      append(1, part("a-1", "x")),
      ok(1, "c1", 1),
      read(2, "a-1"),
      saw(2, 0),
    ];
    const problems = checkHistory(
      journal,
      [logged("x a-1@1 1 c1")],
      (read) => told.push(read),
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(told, [{
      entry: 3,
      problem: "call 2 read version 0 of a-1 after 1 was acknowledged or read",
      isAllowed: false,
    }]);
  });

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

  it("looks at each entry and each event a few times, however many there are", () => {
    const { journal, log } = rightHistory(random, 20_000);
    const entries = counted(journal);
    const events = counted(log);
    assert.deepEqual(checkHistory(entries.array, events.array), []);
    assert(entries.reads <= 2 * journal.length, `${entries.reads} reads`);
    assert(events.reads <= 4 * log.length, `${events.reads} reads`);
  });
});
