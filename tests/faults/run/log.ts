/**
 * The log of a run as it lies in the stream: its messages taken apart here, and
 * not by the store that wrote them.
 */
import {
  CommitHeader,
  deriveId,
  type Effect,
  effectId,
  parseCommands,
  parseEffects,
  streamNames,
  subjectsOf,
  systemClock,
} from "../../../event/mod.ts";
import {
  Deadline,
  type JetStreamApi,
  type StoredMessage,
} from "../../../nats/mod.ts";
import type {
  RecordedEffect,
  RecordedEvent,
  RecordedOutcome,
} from "../checker/mod.ts";
import { HOSTILE } from "./faults/f20_hostile_log.ts";

/** What a message of the log says. */
export interface LogParts {
  readonly events: RecordedEvent[];
  readonly effects: RecordedEffect[];
  readonly outcomes: RecordedOutcome[];
}

/** Reads the log of a namespace, from where it was before. */
export class RunLog implements LogParts {
  readonly events: RecordedEvent[] = [];
  readonly effects: RecordedEffect[] = [];
  readonly outcomes: RecordedOutcome[] = [];
  /** Sequence and commit id of each message. */
  readonly copy: [number, string][] = [];
  readonly #api: JetStreamApi;
  readonly #namespace: string;
  /** The last sequence that was read. */
  last = 0;

  constructor(api: JetStreamApi, namespace: string) {
    this.#api = api;
    this.#namespace = namespace;
  }

  /** Reads on up to what the leader of the log has now. */
  async read(timeout = 60_000): Promise<void> {
    const stream = streamNames(this.#namespace).events;
    const filter = subjectsOf(this.#namespace).allEvents;
    const deadline = new Deadline(systemClock, timeout);
    const end = (await this.#api.last(stream, filter, deadline))?.sequence ?? 0;
    while (this.last < end) {
      const { count } = await this.#api.directBatch(
        stream,
        this.last + 1,
        filter,
        { batch: 1_000 },
        deadline,
        (message) => this.#take(message),
      );
      // A copy that is behind brings less; it will have the rest.
      if (count === 0) await deadline.pause(50);
    }
  }

  #take(message: StoredMessage): void {
    const { headers, sequence } = message;
    this.last = sequence;
    this.copy.push([sequence, headers.get(CommitHeader.commit)]);
    // Spoilt on purpose: nobody of ours has written that, and none can read it.
    if (actorOf(message.subject).startsWith(`${HOSTILE}-`)) return;
    const { effects, events, outcomes } = partsOf(message);
    this.events.push(...events);
    this.effects.push(...effects);
    this.outcomes.push(...outcomes);
  }
}

/** Takes a message of the log apart. */
export function partsOf(message: StoredMessage): LogParts {
  const { at: storedAt, headers, sequence } = message;
  const commitId = headers.get(CommitHeader.commit);
  const generation = Number(headers.get(CommitHeader.generation) || 0);
  const body = JSON.parse(new TextDecoder().decode(message.data));
  const all = (Array.isArray(body) ? body : [body]) as CloudEvent[];
  const actorId = all[0]?.subject ?? actorOf(message.subject);
  const events = all.map((event): RecordedEvent => ({
    id: event.id,
    actorId: event.subject,
    version: event.actorversion,
    sequence,
    commitId,
    type: event.type,
    data: event.data,
    commandId: event.commandid,
    causationId: event.causationid,
    generation,
    storedAt,
  }));
  const outcomes = parseCommands(
    headers.get(CommitHeader.commands),
    events.length,
  ).map((record): RecordedOutcome => ({
    commandId: record.id,
    actorId,
    sequence,
    events: record.events,
    rejected: record.rejected?.reason,
    generation,
    storedAt,
  }));
  const effects = parseEffects(headers.get(CommitHeader.effects))
    .map((effect, i) => effectOf(effect, i, actorId, commitId, sequence))
    .filter((effect) => effect !== undefined);
  return { events, outcomes, effects };
}

interface CloudEvent {
  readonly id: string;
  readonly subject: string;
  readonly type: string;
  readonly data: unknown;
  readonly actorversion: number;
  readonly commandid?: string;
  readonly causationid?: string;
}

// Keys of a run are made of letters and digits: a token is a key.
function actorOf(subject: string): string {
  const [type, key] = subject.split(".").slice(-2);
  return `${type}-${key}`;
}

function effectOf(
  effect: Effect,
  index: number,
  from: string,
  commitId: string,
  sequence: number,
): RecordedEffect | undefined {
  const id = effectId(commitId, index);
  switch (effect.kind) {
    case "send": {
      const { input, onRejected, to } = effect;
      return {
        ...{ kind: "send", id, from, to, sequence, input },
        rejectionId: onRejected === undefined
          ? undefined
          : deriveId(id, "rejected"),
      };
    }
    case "schedule": {
      const { at: due, timer: name } = effect;
      return { kind: "schedule", id, from, to: from, sequence, name, due };
    }
    case "cancel": {
      const { timer: name } = effect;
      return { kind: "cancel", id, from, to: from, sequence, name };
    }
    default:
      return undefined;
  }
}
