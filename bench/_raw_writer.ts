/** Writes commits with nothing but the plain client. */
import { jetstream, type PubAck } from "@nats-io/jetstream";
import { headers, type MsgHdrs } from "@nats-io/nats-core";
import {
  CommitHeader,
  type Event,
  parseActorId,
  streamNames,
  subjectsOf,
  ulid,
} from "../event/mod.ts";
import type { Connection } from "../nats/mod.ts";
import { JetStreamEventStore } from "../store/mod.ts";
import { actorId, ACTORS, Turns } from "./_actors.ts";
import { orderData, type Pattern, plainBody, readPattern } from "./_commits.ts";
import type { Arena } from "./_servers.ts";

/**
 * What the plain client writes: the bytes and headers that Aether stores, made
 * beforehand; the same, but ids, JSON and headers made for each message; or the
 * event's data alone, made beforehand, with no header but the expectation.
 */
export type RawKind = "same bytes" | "bytes made" | "bare event";

/** One way to write with the plain client. */
export class RawWriter {
  readonly #turns = new Turns();
  readonly #connection: Connection;
  readonly #last = new Array<number>(ACTORS).fill(0);
  readonly #subjects: readonly string[];
  readonly #publish: (subject: string, expected: number) => Promise<PubAck>;
  #made = 0;

  /** Opens one, with a stream configured as Aether's is. */
  static async open(
    arena: Arena,
    kind: RawKind,
    namespace: string,
    pattern: Pattern,
    events = 1,
  ): Promise<RawWriter> {
    const store = await JetStreamEventStore.open(arena.own, { namespace });
    await store.close();
    return new RawWriter(arena.raw, kind, namespace, pattern, events);
  }

  private constructor(
    connection: Connection,
    readonly kind: RawKind,
    readonly namespace: string,
    pattern: Pattern,
    events: number,
  ) {
    this.#connection = connection;
    const js = jetstream(connection);
    const subjects = subjectsOf(namespace);
    this.#subjects = Array.from(
      { length: ACTORS },
      (_, actor) => subjects.event(parseActorId(actorId(actor))),
    );
    switch (kind) {
      case "same bytes": {
        // Encoded within the call, so all may share them.
        const shared = headersOf(pattern);
        this.#publish = (subject, lastSubjectSequence) =>
          js.publish(subject, pattern.body, {
            headers: shared,
            expect: { lastSubjectSequence },
          });
        break;
      }
      case "bytes made":
        this.#publish = (subject, lastSubjectSequence) =>
          js.publish(subject, this.#body(events), {
            headers: headersOf(pattern, ulid()),
            expect: { lastSubjectSequence },
          });
        break;
      case "bare event": {
        const data = Array.from({ length: events }, (_, n) => orderData(n));
        const body = new TextEncoder().encode(
          JSON.stringify(events === 1 ? data[0] : data),
        );
        this.#publish = (subject, lastSubjectSequence) =>
          js.publish(subject, body, { expect: { lastSubjectSequence } });
      }
    }
  }

  /** Writes the next version of the worker's next actor. */
  async write(worker: number, inFlight: number): Promise<void> {
    const actor = this.#turns.next(worker, inFlight);
    const { seq } = await this.#publish(
      this.#subjects[actor]!,
      this.#last[actor]!,
    );
    this.#last[actor] = seq;
  }

  /** What the first actor's last message looks like. */
  stored(): Promise<Pattern> {
    const { events } = streamNames(this.namespace);
    return readPattern(this.#connection, events, this.#subjects[0]!);
  }

  #body(count: number): Uint8Array {
    const events = Array.from({ length: count }, (_, i): Event => ({
      id: ulid(),
      eventType: "OrderPlaced",
      actorId: "order-0000",
      version: 10 + i,
      data: orderData(this.#made++),
      timestamp: new Date(),
    }));
    return plainBody(this.namespace, events);
  }
}

function headersOf(pattern: Pattern, commitId?: string): MsgHdrs {
  const made = headers();
  for (const [name, value] of pattern.headers) {
    made.set(
      name,
      name === CommitHeader.commit ? commitId ?? value : value,
    );
  }
  return made;
}
