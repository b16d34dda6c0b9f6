/**
 * What an actor is: its first state, how events change it, what commands decide
 * and what queries tell. A definition is a frozen value; nothing runs until a
 * system is started with it.
 *
 * The chain `defineActor(…).commands(…).queries(…)` is what lets TypeScript
 * infer everything: the state is known before the events are looked at, and the
 * union of events before the commands are.
 */
import {
  checkActorType,
  InvalidArgumentError,
  type StoredEvent,
} from "../event/mod.ts";
import type { CommandContext, QueryContext } from "./context.ts";
import { checkName } from "./_names.ts";
import { type Checked, eventHandlerOf } from "./schema.ts";
import type { Upcaster } from "./upcast.ts";

/** All types an actor is made of, gathered in one parameter. */
export interface ActorShape {
  /** The type's name, such as `account`. */
  readonly type: string;
  /** The state. */
  readonly state: unknown;
  /** Event names, each with its data. */
  readonly events: object;
  /** Command names, each with its input; `unknown` for none. */
  readonly commands: object;
  /** Query names, each with a {@link QueryShape}. */
  readonly queries: object;
}

/** What goes into a query and what comes out. */
export interface QueryShape<Input = unknown, Output = unknown> {
  /** Its input; `unknown` for none. */
  readonly input: Input;
  /** What the caller gets. */
  readonly output: Output;
}

/** The union of events a command may return: `{ type, data }` each. */
export type EventOf<Events> = {
  [Name in keyof Events & string]: unknown extends Events[Name]
    ? { readonly type: Name; readonly data?: undefined }
    : { readonly type: Name; readonly data: Events[Name] };
}[keyof Events & string];

/** The union of an actor's events as they are stored. */
export type StoredEventOf<Events> = {
  [Name in keyof Events & string]: StoredEvent<
    Name,
    unknown extends Events[Name] ? undefined : Events[Name]
  >;
}[keyof Events & string];

/** What a command decides: an event, several, or `[]` or nothing for no change. */
export type Decision<Events> =
  | EventOf<Events>
  | readonly EventOf<Events>[]
  | undefined
  | void;

/** Handlers of events: pure, from a state and an event's data to the next state. */
export type EventHandlers<State> = Readonly<
  Record<string, (state: State, data: never) => State>
>;

/** Handlers of commands: they decide on events, or throw `Rejected`. */
export type CommandHandlers<State, Events> = Readonly<
  Record<
    string,
    (
      state: State,
      input: never,
      ctx: CommandContext,
    ) => Decision<Events> | Promise<Decision<Events>>
  >
>;

/** Handlers of queries: they tell something about the state. */
export type QueryHandlers<State> = Readonly<
  Record<string, (state: State, input: never, ctx: QueryContext) => unknown>
>;

/** What goes into a handler: its second parameter, or what its schema takes. */
export type InputOf<Handler> = "~input" extends keyof Handler
  ? Handler extends Checked<infer Input> ? Input : never
  : Handler extends (
    state: never,
    input: infer Input,
    ...rest: never[]
  ) => unknown ? Input
  : never;

/** What goes into each handler: an event's data, a command's input. */
export type InputsOf<Handlers> = {
  [Name in keyof Handlers]: InputOf<Handlers[Name]>;
};

/** What the handlers of queries take and give. */
export type QueriesOf<Handlers> = {
  [Name in keyof Handlers]: Handlers[Name] extends (
    state: never,
    input: never,
    ...rest: never[]
  ) => infer Output ? QueryShape<InputOf<Handlers[Name]>, Awaited<Output>>
    : never;
};

/** A shape with further events. */
export interface WithEvents<Shape extends ActorShape, Handlers>
  extends ActorShape {
  /** As before. */
  readonly type: Shape["type"];
  /** As before. */
  readonly state: Shape["state"];
  /** As before, and the new ones. */
  readonly events: Shape["events"] & InputsOf<Handlers>;
  /** As before. */
  readonly commands: Shape["commands"];
  /** As before. */
  readonly queries: Shape["queries"];
}

/** A shape with further commands. */
export interface WithCommands<Shape extends ActorShape, Handlers>
  extends ActorShape {
  /** As before. */
  readonly type: Shape["type"];
  /** As before. */
  readonly state: Shape["state"];
  /** As before. */
  readonly events: Shape["events"];
  /** As before, and the new ones. */
  readonly commands: Shape["commands"] & InputsOf<Handlers>;
  /** As before. */
  readonly queries: Shape["queries"];
}

/** A shape with further queries. */
export interface WithQueries<Shape extends ActorShape, Handlers>
  extends ActorShape {
  /** As before. */
  readonly type: Shape["type"];
  /** As before. */
  readonly state: Shape["state"];
  /** As before. */
  readonly events: Shape["events"];
  /** As before. */
  readonly commands: Shape["commands"];
  /** As before, and the new ones. */
  readonly queries: Shape["queries"] & QueriesOf<Handlers>;
}

/** How an actor is kept: every knob has a default. */
export interface ActorOptions {
  /**
   * Events between two snapshots, or commits where those are more, as of an actor
   * that refuses what it is sent; 100 by default, 1 to 1,000,000. More of them make
   * loading faster and writing dearer. An actor that remembers many commands writes
   * at most one a second.
   */
  readonly snapshotEvery?: number;
  /** Version of the state's shape; raise it when old snapshots no longer fit. 1 by default. */
  readonly schema?: number;
  /** Commands that may wait for one actor; one more is refused as `overloaded`. 1,000 by default. */
  readonly mailbox?: number;
  /** Milliseconds without a call after which the actor leaves memory; 120,000 by default. */
  readonly passivateAfter?: number;
}

/** What {@link defineActor} takes. */
export interface ActorSpec<State, Handlers> extends ActorOptions {
  /** Makes the state of an actor that has no events. */
  readonly state: () => State;
  /** One handler for each event: pure, `(state, data) => state`; what it returns is frozen. */
  readonly events: Handlers;
  /**
   * One for each event that is stored under a name or in a shape of the past:
   * `(data, event) => ({ type, data })`. Without one, a name that has no handler
   * puts the actor into quarantine.
   */
  readonly upcast?: Readonly<Record<string, Upcaster>>;
}

/** What {@link defineActor} takes where the events come later. */
export interface EventlessSpec<State>
  extends Omit<ActorSpec<State, never>, "events"> {
  /** None yet; see {@link ActorDefinition.events}. */
  readonly events?: undefined;
}

/** A handler as the runtime calls it, its types erased. */
export type AnyHandler = (
  state: unknown,
  input: unknown,
  ctx: unknown,
) => unknown;

/** An actor's definition, its types erased: what the runtime and tools read. */
export interface AnyActor {
  /** The type's name, such as `account`. */
  readonly type: string;
  /** How it is kept, with every default filled in. */
  readonly options: Required<ActorOptions>;
  /** Makes the state of an actor that has no events. */
  readonly initial: () => unknown;
  /** Event handlers by name. */
  readonly eventHandlers: ReadonlyMap<string, AnyHandler>;
  /** Upcasters by the name an event is stored under. */
  readonly upcasters: ReadonlyMap<string, Upcaster>;
  /** Command handlers by name. */
  readonly commandHandlers: ReadonlyMap<string, AnyHandler>;
  /** Query handlers by name. */
  readonly queryHandlers: ReadonlyMap<string, AnyHandler>;
}

/** An actor's definition: a frozen value. */
export interface ActorDefinition<Shape extends ActorShape> extends AnyActor {
  /** The type's name, such as `account`. */
  readonly type: Shape["type"];
  /** Only there for the compiler: event names, each with its data. */
  readonly "~events"?: Shape["events"];
  /**
   * Adds events, as those of {@link defineActor}. Here the state's type is known,
   * so a handler in {@link checked} needs no annotation.
   *
   * @returns A new definition; this one stays as it is.
   * @throws {InvalidArgumentError} `invalid_argument`: a name is taken or breaks the rule.
   */
  events<Handlers extends EventHandlers<Shape["state"]>>(
    handlers: Handlers,
  ): ActorDefinition<WithEvents<Shape, Handlers>>;
  /**
   * Adds commands. Each handler is `(state, input, ctx) => event | events | []`,
   * may be async, and throws `Rejected` to refuse.
   *
   * @returns A new definition; this one stays as it is.
   * @throws {InvalidArgumentError} `invalid_argument`: a name is taken or breaks the rule.
   */
  commands<Handlers extends CommandHandlers<Shape["state"], Shape["events"]>>(
    handlers: Handlers,
  ): ActorDefinition<WithCommands<Shape, Handlers>>;
  /**
   * Adds queries. Each handler is `(state, input, ctx) => value`, and the value
   * is exactly what JSON can hold.
   *
   * @returns A new definition; this one stays as it is.
   * @throws {InvalidArgumentError} `invalid_argument`: a name is taken or breaks the rule.
   */
  queries<Handlers extends QueryHandlers<Shape["state"]>>(
    handlers: Handlers,
  ): ActorDefinition<WithQueries<Shape, Handlers>>;
}

/** The name of a definition's type, such as `"account"`. */
export type TypeName<Definition extends AnyActor> = Definition["type"];

/** The state of a definition's actors. */
export type StateOf<Definition> = Definition extends
  ActorDefinition<infer Shape> ? Shape["state"] : never;

/** The shape a definition starts with. */
export interface NewShape<Type extends string, State, Handlers>
  extends ActorShape {
  /** The type's name. */
  readonly type: Type;
  /** The state. */
  readonly state: State;
  /** Event names, each with its data. */
  readonly events: InputsOf<Handlers>;
  /** None yet. */
  readonly commands: Record<never, never>;
  /** None yet. */
  readonly queries: Record<never, never>;
}

/**
 * Begins the definition of an actor type.
 *
 * @param type A letter and up to 127 letters, digits or "_", such as `account`.
 * @param spec The first state, the events, and how the actor is kept.
 * @returns A frozen definition, to be given commands and queries.
 * @throws {InvalidArgumentError} `invalid_argument`: a name or an option breaks
 * its rule.
 * @example A counter
 * ```ts
 * import { Aether, defineActor } from "@flowmade/aether";
 * import assert from "node:assert/strict";
 *
 * const Counter = defineActor("counter", {
 *   state: () => ({ count: 0 }),
 *   events: { Added: (s, e: { by: number }) => ({ count: s.count + e.by }) },
 * }).commands({
 *   add: (_s, by: number) => ({ type: "Added", data: { by } }),
 * }).queries({ count: (s) => s.count });
 *
 * await using aether = await Aether.start({ namespace: "docs", actors: [Counter] });
 * const clicks = aether.actor(Counter, "clicks");
 * await clicks.add(2);
 * assert.equal(await clicks.count(), 2);
 * ```
 */
export function defineActor<
  const Type extends string,
  State,
  Handlers extends EventHandlers<State>,
>(
  type: Type,
  spec: ActorSpec<State, Handlers>,
): ActorDefinition<NewShape<Type, State, Handlers>>;
/**
 * Begins the definition of an actor type whose events come next.
 *
 * @param type As above.
 * @param spec As above, without `events`.
 * @returns A frozen definition, to be given events, commands and queries.
 * @throws {InvalidArgumentError} `invalid_argument`: a name or an option breaks
 * its rule.
 */
export function defineActor<const Type extends string, State>(
  type: Type,
  spec: EventlessSpec<State>,
): ActorDefinition<NewShape<Type, State, Record<never, never>>>;
export function defineActor(
  type: string,
  spec: ActorSpec<unknown, unknown> | EventlessSpec<unknown>,
): unknown {
  checkActorType(type);
  if (typeof spec.state !== "function") {
    throw new InvalidArgumentError(
      `Cannot define actor "${type}" as "state" is a function that makes the first state: got ${typeof spec
        .state}`,
    );
  }
  return build({
    type,
    options: Object.freeze({
      snapshotEvery: count(type, "snapshotEvery", spec.snapshotEvery ?? 100),
      schema: count(type, "schema", spec.schema ?? 1),
      mailbox: count(type, "mailbox", spec.mailbox ?? 1000),
      passivateAfter: count(
        type,
        "passivateAfter",
        spec.passivateAfter ?? 120_000,
        86_400_000,
      ),
    }),
    initial: spec.state,
    eventHandlers: collectEvents(type, new Map(), spec.events),
    upcasters: collect(type, "upcaster", new Map(), spec.upcast, new Map()),
    commandHandlers: new Map(),
    queryHandlers: new Map(),
  });
}

function build(parts: AnyActor): unknown {
  const { type, commandHandlers, eventHandlers, queryHandlers } = parts;
  return Object.freeze({
    ...parts,
    events: (handlers: unknown) =>
      build({
        ...parts,
        eventHandlers: collectEvents(type, eventHandlers, handlers),
      }),
    commands: (handlers: unknown) =>
      build({
        ...parts,
        commandHandlers: collect(
          type,
          "command",
          commandHandlers,
          handlers,
          queryHandlers,
        ),
      }),
    queries: (handlers: unknown) =>
      build({
        ...parts,
        queryHandlers: collect(
          type,
          "query",
          queryHandlers,
          handlers,
          commandHandlers,
        ),
      }),
  });
}

function collectEvents(
  type: string,
  known: ReadonlyMap<string, AnyHandler>,
  handlers: unknown,
): ReadonlyMap<string, AnyHandler> {
  const all = collect<AnyHandler>(type, "event", known, handlers, new Map());
  return new Map(
    [...all].map(([name, apply]) => [name, eventHandlerOf(apply)]),
  );
}

function collect<Handler>(
  type: string,
  what: string,
  known: ReadonlyMap<string, Handler>,
  handlers: unknown,
  others: ReadonlyMap<string, Handler>,
): ReadonlyMap<string, Handler> {
  const all = new Map(known);
  for (const [name, handler] of Object.entries(handlers ?? {})) {
    checkName(type, what, name);
    if (all.has(name) || others.has(name)) {
      throw new InvalidArgumentError(
        `Cannot define actor "${type}" as ${
          what === "event"
            ? "an event has one handler"
            : "commands and queries share one set of names"
        }: "${name}" comes twice`,
      );
    }
    if (typeof handler !== "function") {
      throw new InvalidArgumentError(
        `Cannot define actor "${type}" as ${what} "${name}" is a function: got ${typeof handler}`,
      );
    }
    all.set(name, handler as Handler);
  }
  return all;
}

function count(
  type: string,
  option: string,
  value: number,
  most = 1_000_000,
): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw new InvalidArgumentError(
    `Cannot define actor "${type}" as ${option} is a whole number from 1 to ${most}: got ${value}`,
  );
}
