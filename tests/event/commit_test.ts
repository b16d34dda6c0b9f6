import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { fnv1a } from "../../event/_hash.ts";
import {
  type ActorAddress,
  cloudEventsCodec,
  type CommitMessage,
  CorruptLogError,
  decodeCommitEvents,
  type Event,
  type EventCodec,
  parseActorId,
  subjectsOf,
} from "../../event/mod.ts";

const COMMIT = "01KB3Z0Q3V8XW4M5N6P7R8S9T0";
const { event: eventSubject } = subjectsOf("shop");

const event = (actorId: string, version: number, more: object = {}): Event => ({
  id: `e${version}`,
  eventType: "Deposited",
  actorId,
  version,
  data: { amount: version },
  timestamp: new Date("2026-01-02T03:04:05.678Z"),
  ...more,
});

/** The message of some events; on the subject of the first one's actor. */
function messageOf(
  events: readonly Event[],
  more: Partial<CommitMessage> & { readonly drop?: string } = {},
): CommitMessage {
  const { contentType, body } = cloudEventsCodec.encode("shop", events);
  const headers = new Map([
    ["Aether-Commit", COMMIT],
    ["content-type", contentType],
  ]);
  headers.delete(more.drop ?? "");
  return {
    subject: events.length === 0
      ? "aether.ev.shop.1.a.b"
      : eventSubject(parseActorId(events[0]!.actorId)),
    sequence: 42,
    headers: { get: (name) => headers.get(name) ?? "" },
    data: body,
    ...more,
  };
}

const decode = (
  message: CommitMessage,
  subjectOf: (address: ActorAddress) => string = eventSubject,
) => decodeCommitEvents(cloudEventsCodec, message, subjectOf);

/** Asserts that a message is refused, in these words. */
function refused(message: CommitMessage, words: string): void {
  assert.throws(() => decode(message), (error) => {
    assert(error instanceof CorruptLogError);
    assert.equal(error.message, words);
    return true;
  });
}

describe("decodeCommitEvents()", () => {
  it("gives events with their place in the log, and no key that is not theirs", () => {
    const events = [
      event("account-ada", 7),
      event("account-ada", 8, {
        commandId: "c1",
        metadata: { correlationId: "x", tenant: "t" },
      }),
      event("account-ada", 9, { data: undefined }),
    ];
    const decoded = decode(messageOf(events));
    assert.equal(decoded.commitId, COMMIT);
    const place = { sequence: 42, commitId: COMMIT };
    assert.deepEqual(
      decoded.events,
      events.map((event) => ({ ...event, ...place })),
    );
    assert(!("commandId" in decoded.events[0]!));
    assert(!("metadata" in decoded.events[0]!));
  });

  it("gives none of a commit without events", () => {
    assert.deepEqual(decode(messageOf([])), { commitId: COMMIT, events: [] });
  });

  it("refuses what has no commit's id, or is no body", () => {
    const events = [event("account-ada", 1)];
    refused(
      messageOf(events, { drop: "Aether-Commit" }),
      "it has no Aether-Commit header",
    );
    refused(
      messageOf(events, { drop: "content-type" }),
      'Cannot decode a stored commit: its content-type is ""',
    );
  });

  it("refuses versions with a gap, a repeat or out of order", () => {
    for (const versions of [[1, 3], [1, 1], [2, 1]] as const) {
      const events = versions.map((version) => event("account-ada", version));
      refused(
        messageOf(events),
        `version ${versions[1]} stands at place 1 of its commit`,
      );
    }
    refused(
      messageOf([4, 5, 7].map((version) => event("account-ada", version))),
      "version 7 stands at place 2 of its commit",
    );
  });

  it("refuses another actor's event, wherever it stands and however often", () => {
    const ada = event("account-ada", 1);
    const subject = eventSubject(parseActorId("account-ada"));
    decode(messageOf([ada]));
    for (let time = 0; time < 2; time++) {
      const words = 'it holds an event of "account-bob"';
      refused(messageOf([event("account-bob", 1)], { subject }), words);
      refused(messageOf([ada, event("account-bob", 2)], { subject }), words);
      refused(
        messageOf([ada], { subject: "aether.ev.other.1.account.ada" }),
        'it holds an event of "account-ada"',
      );
    }
    // What is right is not made wrong by that.
    assert.equal(decode(messageOf([ada])).events.length, 1);
  });

  it("builds an actor's subject once, and anew for another way to build it", () => {
    let built = 0;
    const counting = (address: ActorAddress) => {
      built++;
      return eventSubject(address);
    };
    const message = messageOf([
      event("account-once", 1),
      event("account-once", 2),
    ]);
    decode(message, counting);
    assert.equal(built, 1);
    decode(message, counting);
    assert.equal(built, 1);
    assert.throws(() => decode(message, () => "elsewhere"), CorruptLogError);

    // Another actor whose hash is the same takes its place, not its subject.
    const place = fnv1a("account-once") % 1_024;
    let n = 0;
    while (fnv1a(`account-${n}`) % 1_024 !== place) n++;
    const other = messageOf([event(`account-${n}`, 1)]);
    assert.throws(
      () => decode({ ...other, subject: message.subject }, counting),
      CorruptLogError,
    );
    built = 0;
    decode(other, counting);
    decode(other, counting);
    assert.equal(built, 1);
    decode(message, counting);
    assert.equal(built, 2);
  });

  it("reads the text where it is at hand, and the bytes with a codec of its own", () => {
    const message = messageOf([event("account-ada", 1)]);
    const text = new TextDecoder().decode(message.data);
    const empty = { ...message, data: new Uint8Array(0), text };
    assert.equal(decode(empty).events[0]!.version, 1);
    const seen: unknown[] = [];
    const own: EventCodec = {
      encode: cloudEventsCodec.encode,
      decode: (contentType, body) => {
        seen.push(contentType, body);
        return cloudEventsCodec.decode(contentType, body);
      },
    };
    decodeCommitEvents(own, { ...message, text: "not this" }, eventSubject);
    assert.deepEqual(seen, ["application/cloudevents+json", message.data]);
  });
});
