/** Policies with no runtime: which commands they send when something happens. */
import { ulid } from "../event/mod.ts";
import type { Example, PolicyLike, PolicyObservation } from "../model/mod.ts";
import { Sendings } from "./_sendings.ts";
import type { SpecificationOptions } from "./specification.ts";

/** Something that happens to a policy. */
export interface PolicyScene extends Example {
  /** The policy's name. */
  readonly policy: string;
  /** Whose event: an actor type. */
  readonly of: string;
}

/**
 * Shows events to policies and tells what they send by
 * `ctx.send(Actor, key).command(input)`, for a model that is read off the code.
 * Nothing is sent; whatever else a handler needs in its `ctx` comes from
 * `context`.
 *
 * @throws {Error} There is no such policy, or it does not react to the event; or
 * whatever its handler throws.
 * @example A policy that thanks
 * ```ts
 * import { observePolicies } from "@flowmade/aether/testing";
 * import assert from "node:assert/strict";
 *
 * interface Sends {
 *   send(type: string, key: string): { write(letter: string): void };
 * }
 * const Thank = {
 *   name: "Thank",
 *   on: { account: { Deposited: (_event: unknown, ctx: Sends) => ctx.send("letter", "1").write("thanks") } },
 * };
 * const [seen] = await observePolicies([Thank], [{ policy: "Thank", of: "account", type: "Deposited" }]);
 * assert.deepEqual(seen?.sends, [{ to: "letter.write", key: "1", data: "thanks" }]);
 * ```
 */
export async function observePolicies(
  policies: readonly PolicyLike[],
  scenes: readonly PolicyScene[],
  options: SpecificationOptions = {},
): Promise<PolicyObservation[]> {
  const observed: PolicyObservation[] = [];
  for (const { policy: name, of, type, data } of scenes) {
    const policy = policies.find((one) => one.name === name);
    const handler = policy?.on[of]?.[type];
    if (typeof handler !== "function") {
      throw new Error(
        policy === undefined
          ? `Cannot observe "${name}" as it is not among the policies`
          : `Cannot observe "${name}" as it does not react to "${of}.${type}"`,
      );
    }
    const sendings = new Sendings();
    const event = {
      id: ulid(),
      eventType: type,
      actorId: options.actorId ?? `${of}-1`,
      version: 1,
      data,
      timestamp: options.now ?? new Date(Date.UTC(2026, 0, 1, 12)),
      sequence: 1,
      commitId: ulid(),
    };
    await handler(event, {
      now: event.timestamp,
      send: sendings.send,
      ...options.context,
    });
    observed.push({ policy: name, on: `${of}.${type}`, sends: sendings.sent });
  }
  return observed;
}
