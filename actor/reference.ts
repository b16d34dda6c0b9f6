/**
 * References: what a caller holds. A reference is a value like an address; it
 * opens nothing, and its methods are the actor's commands and queries.
 */
import type { CallOptions } from "../store/mod.ts";
import { isCallName } from "./_names.ts";
import type {
  ActorDefinition,
  ActorShape,
  AnyActor,
  QueryShape,
  StoredEventOf,
} from "./definition.ts";

/** How one call is to be made. */
export interface AskOptions extends CallOptions {
  /**
   * Names the command: a command that comes again under an id the actor
   * remembers (its last 1,000 commands, and 10 minutes) is answered as it was
   * the first time. A new ULID by default.
   */
  readonly commandId?: string;
  /**
   * How current a query's answer is; `"owner"` by default. `"owner"`: the state
   * in the memory of the actor's owner, which may be stale for a moment while
   * nodes disagree who that is. `"linear"`: all that was stored before the query
   * was asked, by whomever; it costs one read from the stream's leader.
   * Commands need neither: what they store is always decided on the latest state.
   */
  readonly consistency?: "owner" | "linear";
  /** Kept with the events, and passed on by calls to other actors. */
  readonly correlationId?: string;
  /** Kept with the events. */
  readonly causationId?: string;
  /** W3C trace context; kept with the events. */
  readonly traceparent?: string;
}

/** What a command did. */
export interface CommandResult<Events> {
  /** The actor's version behind the command. */
  readonly version: number;
  /** The events it made, as stored; none where there was nothing to do. */
  readonly events: readonly StoredEventOf<Events>[];
}

/** A method of a reference; it takes an input only where its handler does. */
export type Call<Input, Output> = 0 extends 1 & Input
  // deno-lint-ignore no-explicit-any
  ? (input?: any, options?: AskOptions) => Promise<Output>
  : unknown extends Input
    ? (input?: undefined, options?: AskOptions) => Promise<Output>
  : undefined extends Input
    ? (input?: Input, options?: AskOptions) => Promise<Output>
  : (input: Input, options?: AskOptions) => Promise<Output>;

/** The methods a shape gives a reference. */
export type CallsOf<Shape extends ActorShape> =
  & {
    readonly [Name in keyof Shape["commands"]]: Call<
      Shape["commands"][Name],
      CommandResult<Shape["events"]>
    >;
  }
  & {
    readonly [Name in keyof Shape["queries"]]: Shape["queries"][Name] extends
      QueryShape<infer Input, infer Output> ? Call<Input, Output> : never;
  };

/** A typed reference to one actor. */
export type ActorRef<Definition extends AnyActor> = Definition extends
  ActorDefinition<infer Shape> ? CallsOf<Shape> : never;

/** Where a reference's calls go. */
export type Caller = (
  name: string,
  input: unknown,
  options: AskOptions | undefined,
) => Promise<unknown>;

/**
 * Makes a reference whose every method goes to `call`. It works from names
 * alone, so a caller needs no more of a definition than its type.
 */
export function createReference(actorId: string, call: Caller): unknown {
  const methods: Record<string, unknown> = Object.create(null);
  return new Proxy(methods, {
    get(target, name) {
      if (typeof name !== "string") {
        return name === Symbol.toStringTag ? "ActorRef" : undefined;
      }
      const known = target[name];
      if (known !== undefined) return known;
      if (name === "toString") return () => actorId;
      if (!isCallName(name)) return undefined;
      const method = (input?: unknown, options?: AskOptions) =>
        call(name, input, options);
      target[name] = method;
      return method;
    },
    set: () => false,
    defineProperty: () => false,
    deleteProperty: () => false,
  });
}
