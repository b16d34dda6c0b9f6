/**
 * Collects what a handler promises while it decides. Of several calls for one
 * timer only the last counts; what was live before is named, so that its alarm
 * can be taken back.
 */
import {
  checkTimerName,
  type Effect,
  type EffectOrigin,
  frozenJson,
  InvalidArgumentError,
  type Timer,
} from "../event/mod.ts";
import type { Call } from "./_call.ts";
import type { AnyActor, TypeName } from "./definition.ts";
import type { Notice, SendOptions, SendRef } from "./effects.ts";
import { createSender } from "./_sender.ts";

/** The effects of one decision. */
export class Collector {
  readonly #definition: AnyActor;
  readonly #call: Call;
  readonly #now: number;
  readonly #timers: ReadonlyMap<string, Timer> | undefined;
  #effects: Effect[] | undefined;
  #isOver = false;

  /** Begins with nothing, on the timers that are live. */
  constructor(
    definition: AnyActor,
    call: Call,
    now: number,
    timers: ReadonlyMap<string, Timer> | undefined,
  ) {
    this.#definition = definition;
    this.#call = call;
    this.#now = now;
    this.#timers = timers;
  }

  /** Ends it: what is collected, in order. A promise made later is refused. */
  end(): readonly Effect[] {
    this.#isOver = true;
    return this.#effects ?? NONE;
  }

  /** A reference whose methods send commands. */
  send<Definition extends AnyActor>(
    target: Definition | TypeName<Definition>,
    key: string,
    { onRejected }: SendOptions = {},
  ): SendRef<Definition> {
    if (onRejected !== undefined) this.#assertOwn(onRejected, "onRejected");
    return createSender(target, key, (noted) =>
      this.#add({
        kind: "send",
        ...noted,
        ...(onRejected === undefined ? {} : { onRejected }),
        ...this.#origin(),
      }));
  }

  /** Sets a timer. */
  schedule(
    timer: string,
    when: Date | { readonly after: number },
    command: string,
    input: unknown,
  ): void {
    checkTimerName(timer);
    this.#assertOwn(command, `timer "${timer}"`);
    const action = `Cannot schedule "${command}"`;
    const at = when instanceof Date
      ? when.getTime()
      : this.#now + Math.ceil(when?.after);
    if (!Number.isSafeInteger(at) || Math.abs(at) > LATEST) {
      throw new InvalidArgumentError(
        `${action} but for a Date or { after: milliseconds }: got ${
          JSON.stringify(when)
        }`,
      );
    }
    const effect = {
      kind: "schedule",
      timer,
      at,
      command,
      ...this.#input(input, action),
      ...this.#origin(),
    } as const;
    const live = this.#live(timer);
    this.#forget(timer);
    this.#add(live === undefined ? effect : { ...effect, replaces: live });
  }

  /** Cancels a timer; one that is not live is none to cancel. */
  cancel(timer: string): void {
    checkTimerName(timer);
    const id = this.#live(timer);
    this.#forget(timer);
    if (id !== undefined) this.#add({ kind: "cancel", timer, id });
  }

  /** Sends a notice. */
  publish({ data, type }: Notice): void {
    if (typeof type !== "string" || type === "") {
      throw new InvalidArgumentError(
        `Cannot publish a notice without a type: got ${JSON.stringify(type)}`,
      );
    }
    this.#add({
      kind: "publish",
      eventType: type,
      ...(data === undefined
        ? {}
        : { data: frozenJson(data, "data", "Cannot publish a notice") }),
      ...this.#origin(),
    });
  }

  /** The id of the timer of that name that was live before the decision. */
  #live(timer: string): string | undefined {
    // The one that fires this very command is over.
    if (this.#call.timer?.name === timer) return undefined;
    return this.#timers?.get(timer)?.id;
  }

  #forget(timer: string): void {
    this.#effects = this.#effects?.filter((effect) =>
      (effect.kind !== "schedule" && effect.kind !== "cancel") ||
      effect.timer !== timer
    );
  }

  #add(effect: Effect): void {
    if (this.#isOver) {
      throw new InvalidArgumentError(
        `Cannot promise anything for "${this.#call.name}" of "${this.#call.address.id}" once it is decided`,
      );
    }
    (this.#effects ??= []).push(effect);
  }

  #assertOwn(command: string, what: string): void {
    if (this.#definition.commandHandlers.has(command)) return;
    throw new InvalidArgumentError(
      `Cannot use ${
        JSON.stringify(command)
      } for ${what} as "${this.#definition.type}" has no such command`,
    );
  }

  #input(input: unknown, action: string): { readonly input?: unknown } {
    if (input === undefined) return {};
    return { input: frozenJson(input, "input", action) };
  }

  #origin(): EffectOrigin {
    const { commandId, correlationId, traceparent } = this.#call;
    return {
      correlationId: correlationId ?? commandId,
      causationId: commandId,
      ...(traceparent === undefined ? {} : { traceparent }),
    };
  }
}

const NONE: readonly Effect[] = Object.freeze([]);
/** The last time a Date can hold. */
const LATEST = 8.64e15;
