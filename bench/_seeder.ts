/**
 * Fills a namespace fast: true commits, with true trails, pipelined. Their
 * sequences are known beforehand as nobody else writes meanwhile, and every
 * acknowledgement is checked against that.
 */
import {
  cloudEventsCodec,
  CommitHeader,
  formatTrail,
  parseActorId,
  type Subjects,
  subjectsOf,
  TRAIL_LENGTH,
  ulid,
} from "../event/mod.ts";
import { type Connection, encodeHeaders, Link } from "../nats/mod.ts";

/** Writes commits of one event each. */
export class Seeder implements AsyncDisposable {
  readonly #link: Link;
  readonly #subjects: Subjects;
  readonly #trails = new Map<string, number[]>();
  readonly #versions = new Map<string, number>();
  readonly #acks: Promise<void>[] = [];
  #sequence = 0;

  /** Writes to a namespace whose streams are there and empty. */
  constructor(connection: Connection, readonly namespace: string) {
    this.#link = new Link(connection);
    this.#subjects = subjectsOf(namespace);
  }

  /** Writes an actor's next commit. */
  async write(actorId: string, data: unknown): Promise<void> {
    const address = parseActorId(actorId);
    const trail = this.#trails.get(actorId) ?? [];
    const version = (this.#versions.get(actorId) ?? 0) + 1;
    const { body, contentType } = cloudEventsCodec.encode(this.namespace, [{
      id: ulid(),
      eventType: "OrderPlaced",
      actorId: address.id,
      version,
      data,
      timestamp: new Date(),
    }]);
    const headers = encodeHeaders({
      "Nats-Expected-Last-Subject-Sequence": String(trail[0] ?? 0),
      [CommitHeader.commit]: ulid(),
      [CommitHeader.contentType]: contentType,
      [CommitHeader.trail]: trail.length === 0 ? undefined : formatTrail(trail),
    });
    const sequence = ++this.#sequence;
    this.#versions.set(actorId, version);
    this.#trails.set(actorId, [sequence, ...trail.slice(0, TRAIL_LENGTH - 1)]);
    const subject = this.#subjects.event(address);
    if (sequence % ASK_EVERY !== 0) {
      this.#link.publish(subject, body, headers);
      return;
    }
    this.#acks.push(
      this.#link.request(subject, body, { headers, timeout: 60_000 })
        .then((ack) => assertSequence(ack.json(), sequence)),
    );
    if (this.#acks.length > ACKS_OPEN) await this.#acks.shift();
  }

  /** Waits until all is stored. */
  async flush(): Promise<void> {
    await Promise.all(this.#acks.splice(0));
    await this.#link.connection.flush();
  }

  /** Goes on behind what somebody else has written. */
  follow(sequence: number): void {
    this.#sequence = sequence;
  }

  /** Ends it; the connection stays open. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    await this.#link.close();
  }
}

function assertSequence(ack: unknown, expected: number): void {
  const { seq } = ack as { seq?: number };
  if (seq === expected) return;
  throw new Error(
    `Cannot fill the stream: sequence ${expected} was expected: got ${
      JSON.stringify(ack)
    }`,
  );
}

// The server drops what it has no room to queue: 10,000 messages.
const ASK_EVERY = 500;
const ACKS_OPEN = 6;
