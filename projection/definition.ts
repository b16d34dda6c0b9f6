/** What a projection is: a fold of stored events into documents. A definition is a frozen value. */
import { InvalidArgumentError, type StoredEvent } from "../event/mod.ts";
import {
  type AnyEventOf,
  type EventNamed,
  type EventsIn,
  type EventSource,
  type HandlersByType,
  handlersByType,
} from "./on.ts";

/**
 * Handlers of a definition's events: pure, from a document and an event to the next
 * document, or `null` for none.
 */
export type Folds<View, Source> = {
  readonly [Name in keyof EventsIn<Source> & string]?: (
    view: View,
    event: EventNamed<Name, EventsIn<Source>[Name]>,
  ) => View | null;
};

/** Handlers by actor type and event; each names its own event's type, where it wants to. */
export type FoldsByName<View> = Readonly<
  Record<string, Readonly<Record<string, NamedFold<View>>>>
>;

/** A handler that says itself which event it takes. */
export type NamedFold<View> = {
  // As a method: its event may be a narrower type than any stored event.
  fold(view: View, event: StoredEvent): View | null;
}["fold"];

/** Several definitions, each with its handlers. */
export type FoldPairs<View, Sources extends readonly EventSource[]> = {
  readonly [I in keyof Sources]: readonly [Sources[I], Folds<View, Sources[I]>];
};

/** Says to which document an event belongs; `undefined` for none. */
export type KeyOf<Event> = (event: Event) => string | undefined;

/** What {@link defineProjection} takes, besides its handlers. */
export interface ProjectionSpec<View> {
  /** Makes the document that no event has touched yet; exactly what JSON can hold. */
  readonly initial: () => View;
  /**
   * 1 by default. Raise it when the handlers change: the new version folds from the
   * beginning of the log under a place of its own, and the one before is removed
   * when the new one has caught up and no process runs the old one any more.
   */
  readonly version?: number;
  /** Milliseconds after which another node may take over from one that gives no sign; 5,000 by default. */
  readonly lease?: number;
}

/** A projection's definition, its types erased: what runs it and tools read. */
export interface AnyProjection {
  /** Its name, such as `balances`. */
  readonly name: string;
  /** Which version of its handlers. */
  readonly version: number;
  /** Handlers by actor type and event. */
  readonly on: HandlersByType;
  /** Makes the document that no event has touched yet. */
  readonly initial: () => unknown;
  /** To which document an event belongs; absent where there is only one. */
  readonly key?: KeyOf<StoredEvent>;
  /** How long the active node may give no sign, in milliseconds. */
  readonly lease: number;
}

/** A projection's definition: a frozen value. */
export interface ProjectionDefinition<View, Many extends boolean>
  extends AnyProjection {
  /** Makes the document that no event has touched yet. */
  readonly initial: () => View;
  /** Only there for the compiler: whether it has a document for each key. */
  readonly "~many"?: Many;
}

/**
 * Defines a projection of one actor type.
 *
 * @param name 1 to 64 characters.
 * @param spec The first document, the handlers, and with `key` a document for each key.
 * @throws {InvalidArgumentError} `invalid_argument`: a part breaks its rule.
 * @example What is on all accounts, and on each
 * ```ts
 * import { Aether, defineActor, defineProjection } from "@flowmade/aether";
 * import assert from "node:assert/strict";
 *
 * const Account = defineActor("account", {
 *   state: () => 0,
 *   events: { Deposited: (s: number, e: { amount: number }) => s + e.amount },
 * }).commands({ deposit: (_s, c: { amount: number }) => ({ type: "Deposited", data: c }) });
 *
 * const Total = defineProjection("total", {
 *   initial: () => 0,
 *   on: [Account, { Deposited: (total, { data }) => total + data.amount }],
 * });
 * const Statement = defineProjection("statement", {
 *   initial: () => [] as number[],
 *   key: (event) => event.actorId,
 *   on: [Account, { Deposited: (lines, { data }) => [...lines, data.amount] }],
 * });
 *
 * await using aether = await Aether.start({
 *   namespace: "bank",
 *   actors: [Account],
 *   projections: [Total, Statement],
 * });
 * await aether.actor(Account, "ada").deposit({ amount: 2 });
 * const receipt = await aether.actor(Account, "bob").deposit({ amount: 3 });
 *
 * const total = aether.projection(Total);
 * await total.caughtUpTo(receipt);
 * assert.equal(await total.get(), 5);
 * const statement = aether.projection(Statement);
 * await statement.caughtUpTo(receipt);
 * assert.deepEqual(await statement.get("account-bob"), [3]);
 * ```
 */
export function defineProjection<View, const Source extends EventSource>(
  name: string,
  spec: ProjectionSpec<View> & {
    readonly on: readonly [Source, Folds<View, Source>];
    readonly key?: undefined;
  },
): ProjectionDefinition<View, false>;
/** As above, with a document for each key. */
export function defineProjection<View, const Source extends EventSource>(
  name: string,
  spec: ProjectionSpec<View> & {
    readonly on: readonly [Source, Folds<View, Source>];
    readonly key: KeyOf<AnyEventOf<Source>>;
  },
): ProjectionDefinition<View, true>;
/** Defines a projection of several actor types. */
export function defineProjection<
  View,
  const Sources extends readonly EventSource[],
>(
  name: string,
  spec: ProjectionSpec<View> & {
    readonly on: FoldPairs<View, Sources>;
    readonly key?: undefined;
  },
): ProjectionDefinition<View, false>;
/** As above, with a document for each key. */
export function defineProjection<
  View,
  const Sources extends readonly EventSource[],
>(
  name: string,
  spec: ProjectionSpec<View> & {
    readonly on: FoldPairs<View, Sources>;
    readonly key: KeyOf<AnyEventOf<Sources[number]>>;
  },
): ProjectionDefinition<View, true>;
/** Defines a projection of events that are named. */
export function defineProjection<View>(
  name: string,
  spec: ProjectionSpec<View> & {
    readonly on: FoldsByName<View>;
    readonly key?: undefined;
  },
): ProjectionDefinition<View, false>;
/** As above, with a document for each key. */
export function defineProjection<View>(
  name: string,
  spec: ProjectionSpec<View> & {
    readonly on: FoldsByName<View>;
    readonly key: KeyOf<StoredEvent>;
  },
): ProjectionDefinition<View, true>;
export function defineProjection(
  name: string,
  spec: ProjectionSpec<unknown> & {
    readonly on: unknown;
    readonly key?: unknown;
  },
): unknown {
  const action = `Cannot define projection ${JSON.stringify(name)}`;
  const { initial, key, lease = 5_000, on, version = 1 } = spec;
  checkPartName(action, name);
  if (typeof initial !== "function") {
    throw new InvalidArgumentError(
      `${action} as "initial" is a function that makes the first document: got ${typeof initial}`,
    );
  }
  if (key !== undefined && typeof key !== "function") {
    throw new InvalidArgumentError(
      `${action} as "key" is a function from an event to a text: got ${typeof key}`,
    );
  }
  const definition: AnyProjection = {
    name,
    version: checkCount(action, "version", version, 1, 1_000_000),
    on: handlersByType(action, on),
    initial,
    ...(key === undefined ? {} : { key: key as KeyOf<StoredEvent> }),
    lease: checkCount(action, "lease", lease, 1_000, 60_000),
  };
  return Object.freeze(definition);
}

/**
 * Checks the name of a policy or projection: 1 to 64 characters of well-formed text.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: the name breaks the rule.
 */
export function checkPartName(action: string, name: unknown): string {
  if (
    typeof name === "string" && name.length >= 1 && name.length <= 64 &&
    name.isWellFormed() && name === name.normalize("NFC")
  ) return name;
  throw new InvalidArgumentError(
    `${action} as a name is 1 to 64 characters of well-formed text in NFC: got ${
      typeof name === "string" ? JSON.stringify(name.slice(0, 80)) : typeof name
    }`,
  );
}

/**
 * Checks a number among options.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: out of bounds, or not whole.
 */
export function checkCount(
  action: string,
  option: string,
  value: number,
  least: number,
  most: number,
): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) {
    return value;
  }
  throw new InvalidArgumentError(
    `${action} as ${option} is a whole number from ${least} to ${most}: got ${value}`,
  );
}
