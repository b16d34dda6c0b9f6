/**
 * Handlers of events, as policies and projections are given them. Three forms say
 * the same; where a definition of the actor is at hand, the names of its events and
 * their data are known without an annotation.
 *
 * ```ts ignore
 * on: [Account, { Withdrawn: (view, event) => … }]                    // one definition
 * on: [[Account, { Withdrawn: … }], [Order, { Placed: … }]]           // several
 * on: { account: { Withdrawn: (view, event: Withdrawn) => … } }       // by name
 * ```
 */
import {
  checkActorType,
  InvalidArgumentError,
  parseActorId,
  RAW_TYPE,
  type StoredEvent,
} from "../event/mod.ts";

/** Something whose type says which events it has: a definition of an actor. */
export interface EventSource<Events = unknown> {
  /** The actor type, such as `account`. */
  readonly type: string;
  /** Only there for the compiler: event names, each with its data. */
  readonly "~events"?: Events;
}

/** Event names of a definition, each with its data. */
export type EventsIn<Source> = Source extends
  { readonly "~events"?: infer Events } ? Exclude<Events, undefined> : never;

/** A stored event of a name. */
export type EventNamed<Name extends string, Data> = StoredEvent<
  Name,
  unknown extends Data ? undefined : Data
>;

/** The union of the stored events of a definition. */
export type AnyEventOf<Source> = Source extends unknown ? {
    [Name in keyof EventsIn<Source> & string]: EventNamed<
      Name,
      EventsIn<Source>[Name]
    >;
  }[keyof EventsIn<Source> & string]
  : never;

/** Handlers by actor type and event, their types erased: what runs them and tools read. */
export type HandlersByType = Readonly<
  Record<string, Readonly<Record<string, AnyReaction>>>
>;

/** A handler, its types erased. */
// deno-lint-ignore no-explicit-any
export type AnyReaction = (...args: any[]) => unknown;

/**
 * Brings the three forms into the one that says it by name.
 *
 * @param action First words of the error.
 * @throws {InvalidArgumentError} `invalid_argument`: none of the forms, no event, a
 * handler that is no function, or an event the definition does not have.
 */
export function handlersByType(action: string, on: unknown): HandlersByType {
  const all: Record<string, Record<string, AnyReaction>> = {};
  for (const [type, handlers, known] of entriesOf(action, on)) {
    if (type !== RAW_TYPE) checkActorType(type);
    const ofType = all[type] ??= {};
    for (const [event, handler] of Object.entries(handlers)) {
      if (handler === undefined) continue;
      if (typeof handler !== "function") {
        throw new InvalidArgumentError(
          `${action} as what is done on "${type}.${event}" is a function: got ${typeof handler}`,
        );
      }
      if (known !== undefined && !known.has(event)) {
        throw new InvalidArgumentError(
          `${action} as actors of type "${type}" have no event "${event}"`,
        );
      }
      if (Object.hasOwn(ofType, event)) {
        throw new InvalidArgumentError(
          `${action} as "${type}.${event}" has one handler: it comes twice`,
        );
      }
      ofType[event] = handler as AnyReaction;
    }
  }
  const types = Object.entries(all).filter(([, handlers]) =>
    Object.keys(handlers).length > 0
  );
  if (types.length === 0) {
    throw new InvalidArgumentError(
      `${action} as "on" names no event: give it handlers by actor type and event`,
    );
  }
  for (const [, handlers] of types) Object.freeze(handlers);
  return Object.freeze(Object.fromEntries(types));
}

/** The handler of an event, where there is one. */
export function handlerOf(
  on: HandlersByType,
  event: { readonly actorId: string; readonly eventType: string },
): AnyReaction | undefined {
  const { type } = parseActorId(event.actorId);
  if (!Object.hasOwn(on, type)) return undefined;
  const handlers = on[type]!;
  return Object.hasOwn(handlers, event.eventType)
    ? handlers[event.eventType]
    : undefined;
}

/** The one actor type that handlers are for; undefined for several. */
export function onlyType(on: HandlersByType): string | undefined {
  const types = Object.keys(on);
  return types.length === 1 ? types[0] : undefined;
}

type Entry = [
  type: string,
  handlers: Readonly<Record<string, unknown>>,
  known: ReadonlyMap<string, unknown> | undefined,
];

function entriesOf(action: string, on: unknown): Entry[] {
  if (Array.isArray(on)) {
    const pairs = Array.isArray(on[0]) ? on : [on];
    return pairs.map((pair) => {
      const [source, handlers] = Array.isArray(pair) ? pair : [];
      if (typeof source?.type !== "string" || !isRecord(handlers)) {
        throw wrongForm(action, "a pair of a definition and its handlers");
      }
      return [source.type, handlers, source.eventHandlers];
    });
  }
  if (!isRecord(on)) throw wrongForm(action, typeof on);
  return Object.entries(on).map(([type, handlers]) => {
    if (!isRecord(handlers)) throw wrongForm(action, `${typeof handlers}`);
    return [type, handlers, undefined];
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrongForm(action: string, found: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `${action} as "on" is [Definition, { Event: handler }], several such pairs, or ` +
      `{ type: { Event: handler } }: got ${found}`,
  );
}
