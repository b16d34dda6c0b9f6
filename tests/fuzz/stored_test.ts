/**
 * Whatever lies in a stream is either what Aether would have written, and comes
 * back the same when it is written again, or is refused with an error of its own.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { cloudEventsCodec, parseActorId, subjectsOf } from "../../event/mod.ts";
import { decodeCommit, encodeCommit } from "../../store/_commit.ts";
import {
  decodeDurable,
  decodeMark,
  decodeParked,
  encodeDurable,
  encodeMark,
  encodeParked,
} from "../../store/_inbox_format.ts";
import {
  decodeSnapshot,
  encodeSnapshot,
} from "../../store/_snapshot_format.ts";
import { RawHeaders } from "../../nats/mod.ts";
import { decodeContent } from "../../projection/_views.ts";
import { isParkedRecord } from "../../bus/_parking.ts";
import { isState } from "../../bus/_nats_seat.ts";
import type { Random } from "../support/mod.ts";
import { direct, fromLeader, received, SEQUENCE } from "./_delivery.ts";
import {
  assertSeen,
  cases,
  fuzz,
  LONG,
  outcomeOf,
  showBytes,
} from "./_fuzz.ts";
import { changeHeaders } from "./_headers.ts";
import { changeBody } from "./_json.ts";
import {
  COMMITS,
  DURABLES,
  NAMESPACE,
  PARKED,
  SNAPSHOTS,
  type Specimen,
} from "./_specimens.ts";

const subjects = subjectsOf(NAMESPACE);
const ADA = parseActorId("account-ada");

describe("a stored commit that was changed", () => {
  it("is one that could be stored, or corrupt", LONG, async () => {
    const tally = await fuzz<Specimen>({
      name: "commits",
      count: cases(2_500, 150_000),
      make: (random) => changed(random, COMMITS),
      feed: async (specimen) => {
        const messages = [await direct(specimen), await fromLeader(specimen)];
        const outcomes = messages.map((message) => {
          // Nothing a writer says makes it another message than it is.
          assert.equal(message.sequence, SEQUENCE);
          assert.equal(message.subject, specimen.subject);
          return outcomeOf(
            () => decodeCommit(cloudEventsCodec, subjects, message),
            (commit) => assertRewritable(commit, specimen.subject),
          );
        });
        return outcomes[0]!;
      },
      show,
    });
    assertSeen(tally, { taken: 0.05, corrupt_log: 0.3 });
  });
});

function assertRewritable(
  commit: ReturnType<typeof decodeCommit>,
  subject: string,
): void {
  const { commands, commitId, effects, events, generation, trail } = commit;
  assert.ok(Number.isSafeInteger(commit.version) && commit.version >= 0);
  assert.ok(trail.every((n, i) => n > 0 && n < (trail[i - 1] ?? SEQUENCE)));
  for (const [i, { actorId, version }] of events.entries()) {
    assert.equal(subjects.event(parseActorId(actorId)), subject);
    assert.equal(version, events[0]!.version + i);
  }
  const position = { actorId: "x", version: commit.version, trail };
  const again = encodeCommit(cloudEventsCodec, {
    namespace: NAMESPACE,
    commitId,
    position,
    events,
    commands,
    effects,
    generation,
  });
  const message = received(subject, again.headers, again.body);
  const { at, sequence } = commit;
  const reread = decodeCommit(cloudEventsCodec, subjects, {
    subject,
    sequence,
    at,
    headers: RawHeaders.of(message),
    data: message.data,
  });
  // A header that holds none says as much as one that is not there.
  const { effects: _none, ...rest } = commit;
  assert.deepEqual(reread, effects?.length === 0 ? rest : commit);
}

describe("what lies in the inbox and was changed", () => {
  it("is a durable command, or refused", LONG, async () => {
    const tally = await fuzz<Specimen>({
      name: "durable commands",
      count: cases(1_200, 70_000),
      make: (random) => changed(random, DURABLES),
      feed: ({ body, headers, subject }) =>
        outcomeOf(() => {
          const found = RawHeaders.of(received(subject, headers, body));
          return decodeDurable(ADA, found, body);
        }, (command) => {
          const again = encodeDurable(command);
          const written = RawHeaders.of(
            received(subject, again.headers, again.body),
          );
          assert.deepEqual(decodeDurable(ADA, written, again.body), command);
        }),
      show,
    });
    assertSeen(tally, { taken: 0.1, invalid_argument: 0.2 });
  });

  it("is a parked command, or refused", LONG, async () => {
    const tally = await fuzz<Specimen>({
      name: "parked commands",
      count: cases(900, 50_000),
      make: (random) => changed(random, PARKED),
      feed: ({ body, headers, subject }) =>
        outcomeOf(() => {
          const found = RawHeaders.of(received(subject, headers, body));
          return decodeParked(ADA, found, body);
        }, (parked) => {
          parked.at.toISOString();
          const again = encodeParked(parked);
          const written = RawHeaders.of(
            received(subject, again.headers, again.body),
          );
          assert.deepEqual(decodeParked(ADA, written, again.body), {
            ...parked,
            reason: parked.reason.slice(0, 2_000),
          });
        }),
      show,
    });
    assertSeen(tally, { taken: 0.05, invalid_argument: 0.2 });
  });

  it("is a mark, or counts from the beginning of the log", LONG, async () => {
    const marks = [
      encodeMark({ sequence: 7, covers: ["01ARZ3NDEKTSV4RRFFQ69G5FAV"] }),
      encodeMark({ sequence: 2 ** 40, covers: [] }),
    ];
    const tally = await fuzz<Uint8Array>({
      name: "marks",
      count: cases(400, 20_000),
      make: (random) => changeBody(random, 2, marks),
      feed: (bytes) => {
        const mark = decodeMark(bytes);
        assert.ok(Number.isSafeInteger(mark.sequence));
        assert.ok(mark.covers.every((run) => typeof run === "string"));
        assert.deepEqual(decodeMark(encodeMark(mark)), mark);
        return mark.sequence === 1 ? "from the beginning" : "taken";
      },
      show: showBytes,
    });
    assertSeen(tally, { taken: 0.05, "from the beginning": 0.2 });
  });
});

describe("a snapshot that was changed", () => {
  it("is one that could be saved, or none", LONG, async () => {
    const tally = await fuzz<Uint8Array>({
      name: "snapshots",
      count: cases(1_200, 70_000),
      make: (random) => changeBody(random, 2, SNAPSHOTS),
      feed: (bytes) => {
        const snapshot = decodeSnapshot(ADA, bytes);
        if (snapshot === undefined) return "none";
        const again = encodeSnapshot(snapshot);
        assert.deepEqual(decodeSnapshot(ADA, again), snapshot);
        for (const { at, events, id } of snapshot.commands ?? []) {
          assert.ok(typeof id === "string" && at - at === 0 && events >= 0);
        }
        for (const { at, name } of snapshot.timers ?? []) {
          new Map([[name, new Date(at)]]);
        }
        return "taken";
      },
      show: showBytes,
    });
    assertSeen(tally, { taken: 0.05, none: 0.2 });
  });
});

describe("what a projection and a durable keep, changed", () => {
  const place = { sequence: 7, events: 1, commitId: "01ARZ3" };
  const after = {
    id: "01ARZ3",
    actorId: "account-ada",
    version: 2,
    sequence: 7,
    commitId: "01ARZ3",
  };
  const json = [
    { sequence: 7, after, value: { total: 3, names: ["\u00e9"] } },
    { sequence: 7, value: [1] },
    { sequence: 0 },
    { holder: "01ARZ3NDEKTSV4RRFFQ69G5FAV", beat: 7, place },
    { holder: "", beat: 7, place: null },
    {
      sequence: 7,
      index: 0,
      actorId: "account-ada",
      attempts: 3,
      reason: "no",
      at: 1_767_323_045_006,
      replay: false,
    },
  ].map((value) => Buffer.from(JSON.stringify(value)));

  it("is what they can go on with, or refused", LONG, async () => {
    const tally = await fuzz<Uint8Array>({
      name: "views and checkpoints",
      count: cases(1_000, 50_000),
      make: (random) => changeBody(random, 2, json),
      feed: (bytes) => {
        let value: unknown;
        try {
          value = JSON.parse(Buffer.from(bytes).toString());
        } catch { /* as read by whoever keeps a durable */ }
        if (isState(value)) {
          assert.ok(value.holder.length <= 26);
          return "seat";
        }
        if (isParkedRecord(value)) {
          new Date(value.at).toISOString();
          return "parked";
        }
        return outcomeOf(
          () => decodeContent(bytes, "here"),
          ({ after, sequence }) =>
            assert.ok(sequence >= 0 && (after?.sequence ?? 0) >= 0),
        );
      },
      show: showBytes,
    });
    assertSeen(tally, {
      taken: 0.1,
      seat: 0.05,
      // 28 of a thousand on average: that chance leaves it out must be no failure.
      parked: 0.005,
      corrupt_log: 0.2,
    });
  });
});

function changed(random: Random, specimens: readonly Specimen[]): Specimen {
  const { body, headers, subject } = random.pick(specimens);
  const other = random.pick(specimens);
  const what = random.int(10);
  return {
    subject: what === 0 ? other.subject : subject,
    headers: what < 5
      ? changeHeaders(random, headers, [other.headers])
      : headers,
    body: what === 0 || what > 3
      ? changeBody(random, 2, [body], [other.body])
      : body,
  };
}

function show({ body, headers, subject }: Specimen): string {
  return `${subject}\nheaders ${showBytes(headers)}\nbody ${showBytes(body)}`;
}
