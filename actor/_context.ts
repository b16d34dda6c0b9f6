/** What handlers are given beside state and input. Parts that few handlers read are made when read. */
import {
  type Effect,
  InvalidArgumentError,
  type Timer,
  ulid,
} from "../event/mod.ts";
import type { Call, CallOrigin } from "./_call.ts";
import { Collector } from "./_collector.ts";
import type { CommandContext, QueryContext } from "./context.ts";
import type { Notice, SendOptions, SendRef } from "./effects.ts";
import type { Job } from "./_job.ts";
import type { AnyActor, TypeName } from "./definition.ts";
import type { ActorRef, AskOptions } from "./reference.ts";

/** Makes a reference whose calls are part of another call. */
export type Refer = (
  target: AnyActor | string,
  key: string,
  originOf: (
    actorId: string,
    name: string,
    input: unknown,
    options: AskOptions | undefined,
  ) => CallOrigin,
) => unknown;

/** What a command handler is told. */
export class HandlerContext implements CommandContext {
  readonly actorId: string;
  readonly key: string;
  readonly version: number;
  readonly commandId: string;
  readonly now: Date;
  readonly #job: Job;
  readonly #refer: Refer;
  readonly #definition: AnyActor;
  readonly #timers: ReadonlyMap<string, Timer> | undefined;
  #collector: Collector | undefined;
  #isDecided = false;
  #calls = 0;

  constructor(
    job: Job,
    definition: AnyActor,
    known: {
      readonly version: number;
      readonly timers: ReadonlyMap<string, Timer> | undefined;
    },
    now: number,
    refer: Refer,
  ) {
    const { address, commandId } = job.call;
    this.actorId = address.id;
    this.key = address.key;
    this.version = known.version;
    this.commandId = commandId;
    this.now = new Date(now);
    this.#job = job;
    this.#refer = refer;
    this.#definition = definition;
    this.#timers = known.timers;
  }

  /** What it has promised; from now on it can promise nothing more. */
  effects(): readonly Effect[] {
    this.#isDecided = true;
    return this.#collector?.end() ?? NO_EFFECTS;
  }

  get correlationId(): string {
    return this.#job.call.correlationId ?? this.commandId;
  }

  get causationId(): string | undefined {
    return this.#job.call.causationId;
  }

  get signal(): AbortSignal {
    return this.#job.signal;
  }

  actor<Definition extends AnyActor>(
    definition: Definition | TypeName<Definition>,
    key: string,
  ): ActorRef<Definition> {
    return this.#refer(
      definition,
      key,
      (actorId, name, input) => this.#origin(actorId, name, input),
    ) as ActorRef<Definition>;
  }

  send<Definition extends AnyActor>(
    definition: Definition | TypeName<Definition>,
    key: string,
    options?: SendOptions,
  ): SendRef<Definition> {
    return this.#promises.send(definition, key, options);
  }

  schedule(
    timer: string,
    when: Date | { readonly after: number },
    command: string,
    input?: unknown,
  ): void {
    this.#promises.schedule(timer, when, command, input);
  }

  cancel(timer: string): void {
    this.#promises.cancel(timer);
  }

  publish(notice: Notice): void {
    this.#promises.publish(notice);
  }

  get #promises(): Collector {
    if (this.#collector !== undefined) return this.#collector;
    const { call, keepsPromises } = this.#job;
    if (!keepsPromises) {
      throw new InvalidArgumentError(
        `Cannot promise anything for "${call.name}" of "${call.address.id}" as the store that was given ` +
          "has no inbox to carry it out from: give one that has, such as JetStreamEventStore",
      );
    }
    const now = this.now.getTime();
    const collector = new Collector(this.#definition, call, now, this.#timers);
    if (this.#isDecided) collector.end();
    return this.#collector = collector;
  }

  #origin(actorId: string, name: string, input: unknown): CallOrigin {
    const { call } = this.#job;
    const nth = this.#calls++;
    return {
      deadline: call.deadline,
      chain: [...call.chain, this.actorId],
      commandId: derivedId(call, nth, [actorId, name, input]),
      // Decided again, or tried again: the other actor may know the call already.
      attempt: call.attempt > 1 || this.#job.runs > 1 ? 2 : 1,
      correlationId: this.correlationId,
      causationId: this.commandId,
      traceparent: call.traceparent,
      signal: this.signal,
    };
  }
}

/** What a query handler is told. */
export class ReaderContext implements QueryContext {
  readonly actorId: string;
  readonly key: string;
  readonly version: number;
  readonly #now: number;

  constructor(call: Call, version: number, now: number) {
    this.actorId = call.address.id;
    this.key = call.address.key;
    this.version = version;
    this.#now = now;
  }

  get now(): Date {
    return new Date(this.#now);
  }
}

/**
 * The id of the nth call a handler makes. A handler that runs again makes the
 * same calls under the same ids; one that then calls for something else must not
 * get the earlier answer, hence the hash.
 */
function derivedId(call: Call, nth: number, what: unknown): string {
  let hash = 0x811c9dc5;
  const text = JSON.stringify(what);
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  const id = `${call.commandId}.${nth}.${(hash >>> 0).toString(36)}`;
  // Dozens of calls deep an id would grow too long; then a new one has to do.
  return id.length <= 128 ? id : ulid();
}

const NO_EFFECTS: readonly Effect[] = Object.freeze([]);
