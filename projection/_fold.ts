/**
 * Folds commits into documents. What a handler throws, or what cannot be stored,
 * stops the fold right before the commit it came from: what is written is always
 * the fold of the log up to some commit, whole.
 */
import {
  AetherError,
  CommandFailedError,
  InvalidArgumentError,
  type StoredEvent,
} from "../event/mod.ts";
import type { Documents, Held } from "./_documents.ts";
import type { Intake } from "./_intake.ts";
import type { AnyProjection } from "./definition.ts";
import { type AnyReaction, handlerOf } from "./on.ts";

/** A commit that cannot be folded: the projection stands before it. */
export class Stuck extends Error {
  /** At which sequence, and why. */
  constructor(readonly sequence: number, readonly reason: AetherError) {
    super(reason.message, { cause: reason });
  }
}

interface Step {
  readonly event: StoredEvent;
  readonly handler: AnyReaction;
  readonly key: string;
}

/** Folds what comes in into the documents of a projection. */
export class Folder {
  readonly #projection: AnyProjection;
  readonly #documents: Documents;

  /** Folds into documents that are open. */
  constructor(projection: AnyProjection, documents: Documents) {
    this.#projection = projection;
    this.#documents = documents;
  }

  /**
   * Folds and stores all of it.
   *
   * @throws {Stuck} All before the commit it names is folded and stored.
   * @throws {Superseded} Another process folds.
   */
  async fold(intake: Intake): Promise<void> {
    try {
      await this.#foldTogether(intake);
    } catch (error) {
      if (!isOwn(error)) throw error;
      // One of the commits is to blame: one by one it will be found.
      this.#documents.clear();
      for (const commit of commitsOf(intake)) {
        try {
          await this.#foldTogether(commit);
        } catch (fault) {
          if (!isOwn(fault)) throw fault;
          this.#documents.clear();
          throw new Stuck(commit.position, fault);
        }
      }
    }
  }

  async #foldTogether(intake: Intake): Promise<void> {
    const { after, position } = this.#documents;
    try {
      await this.#foldAll(intake);
    } catch (error) {
      Object.assign(this.#documents, { after, position });
      throw error;
    }
  }

  async #foldAll({ events, position }: Intake): Promise<void> {
    const documents = this.#documents;
    const steps: Step[] = [];
    for (const event of events) {
      const handler = handlerOf(this.#projection.on, event);
      if (handler === undefined) continue;
      const key = this.#keyOf(event);
      if (key !== undefined) steps.push({ event, handler, key });
    }
    await documents.load(steps.map(({ key }) => key));
    let isChanged = false;
    for (let i = 0; i < steps.length;) {
      const { sequence } = steps[i]!.event;
      const touched = new Set<Held>();
      for (; steps[i]?.event.sequence === sequence; i++) {
        const held = documents.get(steps[i]!.key);
        if (held.sequence >= sequence) continue; // it has seen it
        held.value = this.#apply(held, steps[i]!);
        touched.add(held);
      }
      for (const held of touched) {
        held.sequence = sequence;
        held.isChanged = isChanged = true;
      }
    }
    const last = events.at(-1);
    // What is read again on the way to where it was is no step back.
    documents.position = Math.max(documents.position, position);
    if (last !== undefined) {
      const { actorId, commitId, id, sequence, version } = last;
      documents.after = { id, actorId, version, sequence, commitId };
    }
    if (isChanged) await documents.flush();
  }

  #keyOf(event: StoredEvent): string | undefined {
    const { key, name } = this.#projection;
    if (key === undefined) return "";
    const found = this.#call(event, () => key(event));
    if (found === undefined) return undefined;
    if (
      typeof found === "string" && found !== "" && found.isWellFormed() &&
      new TextEncoder().encode(found).length <= LONGEST_KEY
    ) return found;
    throw new InvalidArgumentError(
      `Cannot fold event "${event.id}" into projection "${name}" as a key is 1 to ${LONGEST_KEY} bytes of well-formed text: got ${
        typeof found === "string"
          ? JSON.stringify(found.slice(0, 80))
          : typeof found
      }`,
      { details: detailsOf(event) },
    );
  }

  #apply({ value }: Held, { event, handler }: Step): unknown {
    const next = this.#call(
      event,
      () =>
        handler(
          value === undefined ? this.#projection.initial() : value,
          event,
        ),
    );
    if (next === null) return undefined;
    if (next !== undefined) return next;
    throw new InvalidArgumentError(
      `Cannot fold event "${event.id}" into projection "${this.#projection.name}" as a handler returns the next document, or null for none: got undefined`,
      { details: detailsOf(event) },
    );
  }

  #call<T>(event: StoredEvent, run: () => T): T {
    try {
      return run();
    } catch (cause) {
      throw new CommandFailedError(
        `Cannot fold event "${event.id}" of "${event.actorId}" into projection "${this.#projection.name}" as its handler threw: ${
          cause instanceof Error ? cause.message : String(cause)
        }`,
        { cause, details: detailsOf(event) },
      );
    }
  }
}

/** Whether the definition is at fault, and not what lies between here and the server. */
function isOwn(error: unknown): error is AetherError {
  return error instanceof AetherError && OWN.has(error.code);
}

function* commitsOf({ events, position }: Intake): Generator<Intake> {
  for (let i = 0; i < events.length;) {
    const { sequence } = events[i]!;
    const start = i;
    while (events[i]?.sequence === sequence) i++;
    yield { events: events.slice(start, i), position: sequence };
  }
  yield { events: [], position };
}

function detailsOf(event: StoredEvent) {
  const { actorId, eventType, sequence, version } = event;
  return { actorId, eventType, sequence, version };
}

const OWN: ReadonlySet<string> = new Set([
  "command_failed",
  "invalid_argument",
  "payload_too_large",
]);
/** Bytes of a key at most: a subject of NATS has its limit. */
const LONGEST_KEY = 512;
