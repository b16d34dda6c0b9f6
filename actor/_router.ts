/**
 * From a reference to whoever runs the actor: this process, or another one. The
 * one place where local and remote differ; a call that stays here costs one
 * promise and one map lookup.
 */
import {
  type Clock,
  ClosedError,
  CycleError,
  formatActorId,
  InvalidArgumentError,
  parseActorId,
} from "../event/mod.ts";
import { type Call, type CallOrigin, makeCall } from "./_call.ts";
import type { AnyActor } from "./definition.ts";
import type { Host } from "./_host.ts";
import { type AskOptions, createReference } from "./reference.ts";

/** The other processes, where there are any. */
export interface Elsewhere {
  /** Whether calls to that shard of that type are answered by this process. */
  owns(type: string, shard: number): boolean;
  /** Gets a call answered wherever its actor is, trying again while there is time. */
  ask(call: Call): Promise<unknown>;
}

/** Sends calls on their way. */
export class Router {
  readonly #clock: Clock;
  readonly #host: Host;
  readonly #elsewhere: Elsewhere | undefined;
  #closed = false;

  /** Without `elsewhere`, every actor is in this process. */
  constructor(clock: Clock, host: Host, elsewhere?: Elsewhere) {
    this.#clock = clock;
    this.#host = host;
    this.#elsewhere = elsewhere;
  }

  /**
   * Makes a reference.
   *
   * @throws {InvalidArgumentError} `invalid_argument`: no such actor id.
   */
  refer(
    target: AnyActor | string,
    key: string,
    originOf?: (
      actorId: string,
      name: string,
      input: unknown,
      options: AskOptions | undefined,
    ) => CallOrigin,
  ): unknown {
    const type = typeof target === "string" ? target : target?.type;
    if (typeof type !== "string") {
      throw new InvalidArgumentError(
        `Cannot refer to an actor by something that is neither a definition nor a type's name: got ${typeof target}`,
      );
    }
    const address = parseActorId(formatActorId(type, key));
    const queries =
      (typeof target === "string" ? this.#host.definitions.get(type) : target)
        ?.queryHandlers;
    return createReference(address.id, (name, input, options) => {
      try {
        const origin = originOf?.(address.id, name, input, options);
        const call = makeCall(
          this.#clock,
          address,
          name,
          input,
          options,
          origin,
        );
        return this.ask(
          queries?.has(name) ? { ...call, query: true } : call,
        );
      } catch (error) {
        return Promise.reject(error);
      }
    });
  }

  /** Gets a call answered. */
  ask(call: Call): Promise<unknown> {
    // What runs may still call others.
    const isFirst = call.chain.length === 0;
    if (this.#closed && isFirst) {
      return Promise.reject(
        new ClosedError(
          `Cannot call "${call.name}" of "${call.address.id}" as this system is closed`,
        ),
      );
    }
    return this.#pass(call, isFirst);
  }

  /** Gets a call answered that came from outside: also while this system closes. */
  forward(call: Call): Promise<unknown> {
    return this.#pass(call, false);
  }

  /** Takes no more calls. */
  close(): void {
    this.#closed = true;
  }

  #pass(call: Call, endsWithUs: boolean): Promise<unknown> {
    const { address, chain, signal } = call;
    if (chain.length > 0 && chain.includes(address.id)) {
      return Promise.reject(cycle(call));
    }
    if (signal?.aborted) return Promise.reject(signal.reason);
    const elsewhere = this.#elsewhere;
    if (
      elsewhere !== undefined && !elsewhere.owns(address.type, address.shard)
    ) return elsewhere.ask(call);
    return new Promise((resolve, reject) => {
      this.#host.submit(call, resolve, (error) => {
        if ((error as { code?: unknown })?.code !== "moved") reject(error);
        else if (endsWithUs && this.#closed) reject(closing(call));
        else if (elsewhere === undefined) reject(error);
        else elsewhere.ask(call).then(resolve, reject);
      });
    });
  }
}

/** Makes the error for a call that came back to an actor waiting for it. */
export function cycle({ chain, address, name }: Call): CycleError {
  const way = [...chain, address.id].join(" → ");
  return new CycleError(
    `Cannot call "${name}" of "${address.id}" as it waits for this very call: ${way}`,
    { details: { chain: [...chain, address.id] } },
  );
}

function closing(call: Call): ClosedError {
  return new ClosedError(
    `Cannot call "${call.name}" of "${call.address.id}" as this system closed before it was started: nothing was done`,
  );
}
