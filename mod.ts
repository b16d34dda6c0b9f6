/**
 * Aether: distributed, event-sourced actors for Deno and Bun, on NATS JetStream.
 *
 * An actor is defined by the events it is made of, the commands that decide on
 * them, and queries over the state they add up to. Aether keeps its events in
 * JetStream, one writer at a time, and finds the actor wherever in the cluster
 * it lives. Without `servers`, all of it runs in this process and in memory.
 *
 * @example A bank account, in this process
 * ```ts
 * import { Aether, defineActor, Rejected } from "@flowmade/aether";
 * import assert from "node:assert/strict";
 *
 * const Account = defineActor("account", {
 *   state: () => ({ balance: 0 }),
 *   events: { // pure: (state, data) => state
 *     Deposited: (s, e: { amount: number }) => ({ ...s, balance: s.balance + e.amount }),
 *     Withdrawn: (s, e: { amount: number }) => ({ ...s, balance: s.balance - e.amount }),
 *   },
 * }).commands({ // they decide: (state, input) => event, or throw Rejected
 *   deposit: (_s, c: { amount: number }) => ({ type: "Deposited", data: { amount: c.amount } }),
 *   withdraw(s, c: { amount: number }) {
 *     if (c.amount > s.balance) {
 *       throw new Rejected("insufficient_funds", `balance is ${s.balance}`);
 *     }
 *     return { type: "Withdrawn", data: { amount: c.amount } };
 *   },
 * }).queries({ balance: (s) => s.balance });
 *
 * // With `servers: "nats://localhost:4222"` the same lines run on a cluster.
 * await using aether = await Aether.start({ namespace: "bank", actors: [Account] });
 * const ada = aether.actor(Account, "ada");
 *
 * const { version } = await ada.deposit({ amount: 100 });
 * assert.equal(version, 1);
 * await assert.rejects(ada.withdraw({ amount: 500 }), { reason: "insufficient_funds" });
 * assert.equal(await ada.balance(), 100);
 *
 * const events = await aether.store.getEvents("account-ada");
 * assert.deepEqual(events.map((event) => event.eventType), ["Deposited"]);
 * ```
 *
 * @module
 */
// In this order: the later doors show the types of the earlier ones again, but
// not their values.
export * from "./event/mod.ts";
export * from "./store/mod.ts";
export * from "./bus/mod.ts";
export {
  type AnyProjection,
  type AnyView,
  defineProjection,
  type ManyViews,
  type OneView,
  type ProjectionDefinition,
  type ProjectionSpec,
  type ProjectionStatus,
  type Receipt,
  type ViewDocument,
  type ViewOf,
} from "./projection/mod.ts";
export * from "./cluster/mod.ts";
export { connect, type Connection, type ConnectOptions } from "./nats/mod.ts";
export * from "./actor/mod.ts";
