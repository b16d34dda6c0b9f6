import {
  type AppendOptions,
  type AppendResult,
  InMemoryEventStore,
  type InMemoryLog,
  type NewEvent,
  systemClock,
} from "@flowmade/aether";
import { type Clock, parseActorId } from "@flowmade/aether/event";
import { Host, type HostOptions } from "../../actor/_host.ts";
import { type Call, makeCall } from "../../actor/_call.ts";
import { Account } from "./_account.ts";

/** What becomes of an append that was held. */
export type Fate =
  | "stored"
  /** Stored, but nobody hears of it. */
  | "stored, then fails"
  /** Not stored. */
  | "fails";

/** An append that waits until a test says what becomes of it. */
export interface HeldAppend {
  readonly events: readonly NewEvent[];
  readonly options: AppendOptions;
  end(fate: Fate, error?: Error): void;
}

/** A store in memory whose appends wait for the test, while it holds them. */
export class HeldStore extends InMemoryEventStore {
  /** Whether appends wait. */
  holds = false;
  /** All that were asked for, in order. */
  readonly appends: HeldAppend[] = [];
  #next = Promise.withResolvers<HeldAppend>();

  /** The next one that is asked for. */
  get next(): Promise<HeldAppend> {
    return this.#next.promise;
  }

  override async append(
    actorId: string,
    events: readonly NewEvent[],
    options: AppendOptions = {},
  ): Promise<AppendResult> {
    const ended = Promise.withResolvers<{ fate: Fate; error?: Error }>();
    const held: HeldAppend = {
      events,
      options,
      end: (fate, error) =>
        ended.resolve(error === undefined ? { fate } : { fate, error }),
    };
    this.appends.push(held);
    const told = this.#next;
    this.#next = Promise.withResolvers();
    told.resolve(held);
    if (!this.holds) return await super.append(actorId, events, options);
    const { fate, error } = await ended.promise;
    if (fate === "fails") throw error;
    const result = await super.append(actorId, events, options);
    if (fate === "stored, then fails") throw error;
    return result;
  }
}

/** What a test may say of one call. */
export type CallParts =
  & Partial<
    Pick<
      Call,
      | "attempt"
      | "commandId"
      | "durable"
      | "hasNewId"
      | "linear"
      | "signal"
      | "chain"
      | "timer"
    >
  >
  & { readonly timeout?: number; readonly key?: string };

/** The actors of a process without the process around them. */
export function hosted(
  options: Partial<HostOptions> & {
    /** A log that other hosts write to as well. */
    readonly shared?: InMemoryLog;
    readonly maxPayload?: number;
  } = {},
) {
  const clock: Clock = options.clock ?? systemClock;
  const store = options.store as HeldStore ?? new HeldStore({
    namespace: options.shared?.namespace ?? "hosted",
    clock,
    ...(options.shared === undefined ? {} : { log: options.shared }),
    ...(options.maxPayload === undefined
      ? {}
      : { maxPayload: options.maxPayload }),
  });
  const host = new Host({
    // What is promised is stored; nobody carries it out.
    relay: {
      isFull: false,
      promise: () => ({ stored() {}, notStored() {}, unknown() {} }),
    },
    nodeId: "node",
    actors: [Account],
    clock,
    log: () => {},
    maxActivations: 100,
    alone: true,
    refer: () => {
      throw new Error("there is nobody else");
    },
    ...options,
    store,
  });
  const ask = (
    name: string,
    input?: unknown,
    { key = "ada", timeout = 10_000, ...parts }: CallParts = {},
    // deno-lint-ignore no-explicit-any -- whatever it answers, the test knows
  ): Promise<any> => {
    const address = parseActorId(
      `${options.actors?.[0]?.type ?? "account"}-${key}`,
    );
    const { commandId } = parts;
    const call = makeCall(clock, address, name, input, {
      timeout,
      ...(commandId === undefined ? {} : { commandId }),
    });
    return new Promise((resolve, reject) => {
      host.submit({ ...call, ...parts }, resolve, reject);
    });
  };
  return { host, store, ask };
}

/** Lets all that can happen now happen. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await undefined;
}

/** Whether a promise has come to anything by now. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let is = false;
  const settle = () => is = true;
  promise.then(settle, settle);
  await settled();
  return is;
}

/** The code a promise is refused with, or `done`. */
export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "done",
    (error) => error.reason ?? error.code ?? String(error),
  );
}
