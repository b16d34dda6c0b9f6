/**
 * An actor with no runtime around it: a definition, a state and a version.
 * Decisions are checked as the runtime checks them, and events are folded as
 * they will be read back from a log, so what is wrong there is wrong here.
 */
import { assertJson, parseActorId, Rejected } from "../event/mod.ts";
import type { AnyActor } from "../actor/mod.ts";
import type { Example, Sending } from "../model/mod.ts";
import { Sendings } from "./_sendings.ts";

/** What became of a command. */
export interface Outcome {
  /** The events it led to. */
  readonly events: readonly Example[];
  /** The commands it sent to other actors. */
  readonly sends: readonly Sending[];
  /** Why it was refused, where it was. */
  readonly rejected?: string;
  /** What went wrong, where it neither decided nor refused. */
  readonly failed?: string;
}

/** What a bare actor is started with. */
export interface BareOptions {
  /** Whose commands; `<type>-1` by default. */
  readonly actorId?: string;
  /** The time of the first command; each further one comes a second later. */
  readonly now?: Date;
  /** Whatever else handlers are to find in their `ctx`. */
  readonly context?: Readonly<Record<string, unknown>>;
}

const NOON = Date.UTC(2026, 0, 1, 12);

/** An actor that lives only here. */
export class BareActor {
  readonly #definition: AnyActor;
  readonly #options: BareOptions;
  readonly #events: Example[] = [];
  #commands = 0;
  #state: unknown;

  constructor(definition: AnyActor, options: BareOptions = {}) {
    this.#definition = definition;
    this.#options = options;
    this.#state = frozen(definition.initial());
  }

  /** The state, frozen. */
  get state(): unknown {
    return this.#state;
  }

  /** All that has happened to it. */
  get events(): readonly Example[] {
    return this.#events;
  }

  /**
   * Lets something have happened.
   *
   * @throws {Error} It has no such event, or its handler throws.
   */
  happen(event: Example): void {
    const { type, data } = event;
    const apply = this.#definition.eventHandlers.get(type);
    if (apply === undefined) {
      throw new Error(
        `"${this.#definition.type}" has no event ${
          JSON.stringify(type)
        }: known are ${
          [...this.#definition.eventHandlers.keys()].join(", ") || "none"
        }`,
      );
    }
    const read = asRead(data, `the data of "${type}"`);
    this.#state = frozen(apply(this.#state, read, undefined));
    this.#events.push(read === undefined ? { type } : { type, data: read });
  }

  /** Gives a command; what it leads to has happened then. */
  async give({ type, data }: Example): Promise<Outcome> {
    const handler = this.#definition.commandHandlers.get(type);
    if (handler === undefined) {
      throw new Error(
        `"${this.#definition.type}" has no command ${
          JSON.stringify(type)
        }: known are ${
          [...this.#definition.commandHandlers.keys()].join(", ") || "none"
        }`,
      );
    }
    const input = asRead(data, `the input of "${type}"`);
    const sendings = new Sendings();
    const context = this.#context(type, sendings);
    const before = { state: this.#state, events: this.#events.length };
    try {
      const decided = await handler(this.#state, input, context);
      const events = decided === undefined ? [] : [decided].flat();
      for (const event of events) {
        if (typeof event !== "object" || event === null) {
          throw new TypeError(`an event is { type, data }: got ${event}`);
        }
        this.happen(event as Example);
      }
      return {
        events: this.#events.slice(before.events),
        sends: sendings.sent,
      };
    } catch (error) {
      this.#state = before.state;
      this.#events.length = before.events;
      return error instanceof Rejected
        ? { events: [], sends: [], rejected: error.reason }
        : { events: [], sends: [], failed: textOf(error) };
    }
  }

  /** Asks a query without input. */
  async ask(query: string): Promise<unknown> {
    const handler = this.#definition.queryHandlers.get(query);
    if (handler === undefined) {
      throw new Error(
        `"${this.#definition.type}" has no query ${
          JSON.stringify(query)
        }: known are ${
          [...this.#definition.queryHandlers.keys()].join(", ") || "none"
        }`,
      );
    }
    const answer = await handler(
      this.#state,
      undefined,
      this.#context(query, new Sendings()),
    );
    return asRead(answer, `the answer of "${query}"`);
  }

  /** The state as it is after a replay of all that has happened. */
  replayed(): unknown {
    const again = new BareActor(this.#definition, this.#options);
    for (const event of this.#events) again.happen(event);
    return again.state;
  }

  #context(name: string, { send }: Sendings): unknown {
    const { type } = this.#definition;
    const { actorId = `${type}-1`, now, context } = this.#options;
    const commandId = `command-${++this.#commands}`;
    return {
      actorId,
      key: parseActorId(actorId).key,
      version: this.#events.length,
      commandId,
      correlationId: commandId,
      causationId: undefined,
      now: new Date((now?.getTime() ?? NOON) + (this.#commands - 1) * 1000),
      signal: NEVER,
      send,
      actor: () => {
        throw new Error(
          `"${name}" of "${actorId}" calls another actor: give one as \`actor\` in \`context\``,
        );
      },
      ...context,
    };
  }
}

const NEVER: AbortSignal = new AbortController().signal;

/** A value as the log gives it back. */
function asRead(value: unknown, place: string): unknown {
  if (value === undefined) return undefined;
  assertJson(value, place, "Cannot take it");
  return frozen(JSON.parse(JSON.stringify(value)));
}

/** Freezes plain objects and lists all the way down, as the runtime does. */
function frozen<T>(value: T): T {
  if (
    typeof value !== "object" || value === null || Object.isFrozen(value)
  ) return value;
  const prototype = Object.getPrototypeOf(value);
  const plain = Array.isArray(value) || prototype === Object.prototype ||
    prototype === null;
  if (!plain) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) frozen(part);
  return value;
}

function textOf(error: unknown): string {
  return error instanceof Error
    ? `${error.name}: ${error.message}`
    : String(error);
}
