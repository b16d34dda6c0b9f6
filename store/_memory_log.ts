/**
 * The messages of one namespace, as a stream on a server would hold them: encoded,
 * numbered from 1, with the places of each actor's and each type's beside them.
 */
import {
  type ActorAddress,
  checkNamespace,
  type LoggedMessage,
  parseActorId,
  type Subjects,
  subjectsOf,
} from "../event/mod.ts";
import { encodeHeaders, RawHeaders } from "../nats/mod.ts";
import type { StoredMessage } from "./_api.ts";
import { InboxContent } from "./_memory_inbox.ts";

/** The messages of one actor. */
export interface ActorLog {
  readonly address: ActorAddress;
  /** Their sequences, rising. */
  readonly sequences: number[];
  /** The actor's version behind each; that of the one before where it cannot be read. */
  readonly versions: number[];
  /** Sequences of those that no store has written, so that their version is not sure. */
  readonly unsure: Set<number>;
}

/** A notice, as it would travel; it is kept nowhere. */
export type LoggedNotice = Pick<LoggedMessage, "subject" | "headers" | "data">;

/** What a log holds. */
export class LogContent {
  readonly subjects: Subjects;
  /** By sequence, less 1; a hole where one was removed. */
  readonly messages: (StoredMessage | undefined)[] = [];
  /** By id, in order of their last commits. */
  readonly actors: Map<string, ActorLog> = new Map();
  /** Sequences by actor type, rising. */
  readonly types: Map<string, number[]> = new Map();
  /** Encoded snapshots by actor id. */
  readonly snapshots: Map<string, Uint8Array> = new Map();
  /** Durable commands and timers. */
  readonly inbox: InboxContent = new InboxContent();
  /** Called with each notice. */
  readonly noticeListeners: Set<(notice: LoggedNotice) => void> = new Set();
  /** Called behind each message that is stored. */
  readonly listeners: Set<() => void> = new Set();

  constructor(namespace: string) {
    this.subjects = subjectsOf(namespace);
  }

  /**
   * Stores a message.
   *
   * @param version The actor's version behind it; absent where nobody knows.
   * @returns Its sequence.
   */
  put(
    address: ActorAddress,
    message: {
      readonly headers: Uint8Array;
      readonly body: Uint8Array;
      readonly at: number;
    },
    version?: number,
  ): number {
    const sequence = this.messages.length + 1;
    this.messages.push({
      subject: this.subjects.event(address),
      sequence,
      headers: new RawHeaders(utf8.decode(message.headers)),
      data: message.body,
      at: message.at,
    });
    const actor = this.actors.get(address.id) ??
      { address, sequences: [], versions: [], unsure: new Set() };
    actor.sequences.push(sequence);
    actor.versions.push(version ?? actor.versions.at(-1) ?? 0);
    if (version === undefined) actor.unsure.add(sequence);
    // A Map keeps the order of insertion: the last to act comes last.
    this.actors.delete(address.id);
    this.actors.set(address.id, actor);
    let ofType = this.types.get(address.type);
    if (ofType === undefined) this.types.set(address.type, ofType = []);
    ofType.push(sequence);
    for (const listener of this.listeners) listener();
    return sequence;
  }

  /** The message at a sequence. */
  at(sequence: number): StoredMessage | undefined {
    return this.messages[sequence - 1];
  }

  /** Removes a message; false where there is none. */
  remove(sequence: number): boolean {
    if (this.at(sequence) === undefined) return false;
    this.messages[sequence - 1] = undefined;
    for (const [id, actor] of this.actors) {
      const index = actor.sequences.indexOf(sequence);
      if (index < 0) continue;
      actor.sequences.splice(index, 1);
      actor.versions.splice(index, 1);
      actor.unsure.delete(sequence);
      if (actor.sequences.length === 0) this.actors.delete(id);
    }
    return true;
  }

  /** Removes all messages and starts again at sequence 1; snapshots stay. */
  recreate(): void {
    this.messages.length = 0;
    this.actors.clear();
    this.types.clear();
  }
}

/** A message as somebody other than a store might write it. */
export interface RawMessage {
  /** Header names and values. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, whatever it is. */
  readonly body: Uint8Array;
}

/** What a log holds; for the store. */
export let contentOf: (log: InMemoryLog) => LogContent;

/**
 * The log of one namespace, in memory. Stores made with the same log are to each
 * other as processes connected to the same server. Its own methods do what a
 * store never does; tests of what happens then use them.
 *
 * @example Two stores, one log
 * ```ts
 * import { InMemoryEventStore, InMemoryLog } from "@flowmade/aether/store";
 * import assert from "node:assert/strict";
 * const log = new InMemoryLog("bank");
 * await using one = new InMemoryEventStore({ namespace: "bank", log });
 * await using other = new InMemoryEventStore({ namespace: "bank", log });
 * await one.append("account-ada", [{ eventType: "Opened" }]);
 * assert.equal(await other.getLatestVersion("account-ada"), 1);
 * ```
 */
export class InMemoryLog {
  static {
    contentOf = (log) => log.#content;
  }

  /** The namespace it holds. */
  readonly namespace: string;
  readonly #content: LogContent;

  /**
   * Makes an empty log.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: not a namespace.
   */
  constructor(namespace: string) {
    this.namespace = checkNamespace(namespace);
    this.#content = new LogContent(namespace);
  }

  /** Sequence of the last message; 0 where there is none. */
  get lastSequence(): number {
    return this.#content.messages.length;
  }

  /** The message at a sequence, as it is stored; none where it was removed. */
  at(sequence: number): LoggedMessage | undefined {
    return this.#content.at(sequence);
  }

  /**
   * Calls back behind each commit, as soon as it is stored: what a server does
   * by republishing it. The listener reads with {@link InMemoryLog.at}, later if
   * it likes, and must not throw.
   *
   * @returns Ends it.
   */
  onCommit(listener: () => void): () => void {
    const own = () => listener();
    this.#content.listeners.add(own);
    return () => this.#content.listeners.delete(own);
  }

  /**
   * Calls back with each notice of a store over this log. The listener must not
   * throw.
   *
   * @returns Ends it.
   */
  onNotice(listener: (notice: LoggedNotice) => void): () => void {
    const own = (notice: LoggedNotice) => listener(notice);
    this.#content.noticeListeners.add(own);
    return () => this.#content.noticeListeners.delete(own);
  }

  /**
   * Writes a message past every store and every check.
   *
   * @returns Its sequence.
   */
  write(actorId: string, message: RawMessage): number {
    return this.#content.put(parseActorId(actorId), {
      headers: encodeHeaders(message.headers),
      body: message.body.slice(),
      at: Date.now(),
    });
  }

  /**
   * Removes a message, as an administrator could.
   *
   * @returns Whether there was one.
   */
  remove(sequence: number): boolean {
    return this.#content.remove(sequence);
  }

  /** Writes a snapshot's body past every store and every check. */
  writeSnapshot(actorId: string, body: Uint8Array): void {
    this.#content.snapshots.set(parseActorId(actorId).id, body.slice());
  }

  /** Removes all commits and starts again at sequence 1; snapshots stay. */
  recreate(): void {
    this.#content.recreate();
  }
}

const utf8 = new TextDecoder();
