/**
 * Policies: "whenever this happened, do that". A policy reacts to stored events of
 * any actor by sending commands, each exactly once in effect, in order per actor.
 * A policy that has to remember something is an actor: let a policy send to it.
 */
import { deriveDurable, type StoredEvent } from "../event/mod.ts";
import type { RetryOptions, StartFrom } from "../bus/mod.ts";
import {
  checkCount,
  checkPartName,
  type EventNamed,
  type EventsIn,
  type EventSource,
  type HandlersByType,
  handlersByType,
} from "../projection/mod.ts";
import type { AnyActor, TypeName } from "./definition.ts";
import type { SendRef } from "./effects.ts";

/** What a policy's handler is told beside the event. */
export interface PolicyContext {
  /** The policy's name. */
  readonly policy: string;
  /** 1 for the first delivery of the event, then one more each time. */
  readonly attempt: number;
  /**
   * Sends a command: `ctx.send(Account, "ada").deposit({ amount: 1 })`. It goes out
   * when the handler has returned; of one that throws, nothing does. The nth command
   * a handler sends for an event has an id of its own, the same however often the
   * event is delivered, and takes effect once: so let the event alone decide what is
   * sent. What cannot be carried out, or is rejected, is parked ({@link
   * ParkedCommands}), from the source `<durable>/<actor id of the event>`.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: no such actor id, no such
   * command, or an input that JSON cannot hold.
   */
  send<Definition extends AnyActor>(
    definition: Definition | TypeName<Definition>,
    key: string,
  ): SendRef<Definition>;
}

/** Handlers of a definition's events. */
export type Reactions<Source> = {
  readonly [Name in keyof EventsIn<Source> & string]?: (
    event: EventNamed<Name, EventsIn<Source>[Name]>,
    ctx: PolicyContext,
  ) => void | Promise<void>;
};

/** Several definitions, each with its handlers. */
export type ReactionPairs<Sources extends readonly EventSource[]> = {
  readonly [I in keyof Sources]: readonly [Sources[I], Reactions<Sources[I]>];
};

/** A handler that says itself which event it takes. */
export type NamedReaction = {
  // As a method: its event may be a narrower type than any stored event.
  react(event: StoredEvent, ctx: PolicyContext): void | Promise<void>;
}["react"];

/** Handlers by actor type and event; each names its own event's type, where it wants to. */
export type ReactionsByName = Readonly<
  Record<string, Readonly<Record<string, NamedReaction>>>
>;

/** How a policy is to be: every knob has a default. */
export interface PolicyOptions {
  /**
   * Where it starts the first time it runs; `"beginning"` by default, so it reacts
   * to what happened before there was such a policy, too.
   */
  readonly from?: StartFrom;
  /** When a handler throws; see {@link RetryOptions}. */
  readonly retry?: RetryOptions;
  /** Milliseconds after which another node may take over from one that gives no sign; 5,000 by default. */
  readonly lease?: number;
  /** The commands it sends, such as `account.deposit`; for models, nothing checks it. */
  readonly sends?: readonly string[];
}

/** A policy's definition: a frozen value. */
export interface PolicyDefinition {
  /** Its name: another name is another policy, which starts anew. */
  readonly name: string;
  /** The durable subscription it reads by: where to look for what it has parked. */
  readonly durable: string;
  /** Handlers by actor type and event. */
  readonly on: HandlersByType;
  /** Where it starts the first time. */
  readonly from: StartFrom;
  /** How often and how soon an event is tried again. */
  readonly retry: RetryOptions;
  /** How long the active node may give no sign, in milliseconds. */
  readonly lease: number;
  /** The commands it sends, where it says so. */
  readonly sends?: readonly string[];
}

/**
 * Defines a policy on the events of one actor type.
 *
 * @param name 1 to 64 characters, such as `when money was withdrawn`.
 * @param spec Its handlers: `(event, ctx) => …`, which may be async.
 * @throws {InvalidArgumentError} `invalid_argument`: a part breaks its rule.
 * @example A fee for each withdrawal
 * ```ts
 * import { Aether, defineActor, definePolicy } from "@flowmade/aether";
 * import assert from "node:assert/strict";
 *
 * const Account = defineActor("account", {
 *   state: () => 0,
 *   events: {
 *     Withdrawn: (s: number, e: { amount: number }) => s - e.amount,
 *     Charged: (s: number, e: { fee: number }) => s - e.fee,
 *   },
 * }).commands({
 *   withdraw: (_s, c: { amount: number }) => ({ type: "Withdrawn", data: c }),
 *   charge: (_s, c: { fee: number }) => ({ type: "Charged", data: c }),
 * }).queries({ balance: (s) => s });
 *
 * const Fees = definePolicy("a withdrawal costs a fee", {
 *   on: [Account, {
 *     Withdrawn(event, ctx) {
 *       const key = event.actorId.slice("account-".length);
 *       ctx.send(Account, key).charge({ fee: event.data.amount / 100 });
 *     },
 *   }],
 * });
 *
 * await using aether = await Aether.start({
 *   namespace: "bank",
 *   actors: [Account],
 *   policies: [Fees],
 * });
 * const ada = aether.actor(Account, "ada");
 * await ada.withdraw({ amount: 100 });
 * while (await ada.balance() !== -101) await new Promise((done) => setTimeout(done, 1));
 * ```
 */
export function definePolicy<const Source extends EventSource>(
  name: string,
  spec: PolicyOptions & { readonly on: readonly [Source, Reactions<Source>] },
): PolicyDefinition;
/** Defines a policy on the events of several actor types. */
export function definePolicy<const Sources extends readonly EventSource[]>(
  name: string,
  spec: PolicyOptions & { readonly on: ReactionPairs<Sources> },
): PolicyDefinition;
/** Defines a policy on events that are named. */
export function definePolicy(
  name: string,
  spec: PolicyOptions & { readonly on: ReactionsByName },
): PolicyDefinition;
export function definePolicy(
  name: string,
  spec: PolicyOptions & { readonly on: unknown },
): PolicyDefinition {
  const action = `Cannot define policy ${JSON.stringify(name)}`;
  checkPartName(action, name);
  const { from = "beginning", lease = 5_000, on, retry = {}, sends } = spec;
  return Object.freeze({
    name,
    durable: deriveDurable("policy", name),
    on: handlersByType(action, on),
    from,
    retry: Object.freeze({ ...retry }),
    lease: checkCount(action, "lease", lease, 1_000, 60_000),
    ...(sends === undefined ? {} : { sends: Object.freeze([...sends]) }),
  });
}
