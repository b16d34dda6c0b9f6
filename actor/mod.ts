/**
 * Actors: defined by their events, commands and queries, run one command at a
 * time, wherever in the cluster they happen to live.
 *
 * @example An account that cannot be overdrawn
 * ```ts
 * import { Aether, defineActor, Rejected } from "@flowmade/aether";
 * import assert from "node:assert/strict";
 *
 * const Account = defineActor("account", {
 *   state: () => ({ balance: 0 }),
 *   events: {
 *     Deposited: (s, e: { amount: number }) => ({ balance: s.balance + e.amount }),
 *     Withdrawn: (s, e: { amount: number }) => ({ balance: s.balance - e.amount }),
 *   },
 * }).commands({
 *   deposit: (_s, c: { amount: number }) => ({ type: "Deposited", data: c }),
 *   withdraw(s, c: { amount: number }) {
 *     if (c.amount > s.balance) {
 *       throw new Rejected("insufficient_funds", `balance is ${s.balance}`);
 *     }
 *     return { type: "Withdrawn", data: c };
 *   },
 * }).queries({ balance: (s) => s.balance });
 *
 * await using aether = await Aether.start({ namespace: "bank", actors: [Account] });
 * const ada = aether.actor(Account, "ada");
 * await ada.deposit({ amount: 100 });
 * await assert.rejects(ada.withdraw({ amount: 500 }), { reason: "insufficient_funds" });
 * assert.equal(await ada.balance(), 100);
 * ```
 *
 * @module
 */
export { Aether, type AetherOptions, type AetherStats } from "./aether.ts";
export type { EffectsStats } from "./_effects.ts";
export type { CarrierStats } from "./_carrier.ts";
export type { IntakeStats } from "./_intake.ts";
export type { HandlerFailure, HostStats, QuarantinedActor } from "./_host.ts";
export * from "./context.ts";
export * from "./definition.ts";
export * from "./effects.ts";
export * from "./log.ts";
export * from "./policy.ts";
export { ParkedCommands, type ParkedCommandsChoice } from "./parked.ts";
export {
  type Checked,
  checked,
  type SchemaInput,
  type SchemaIssue,
  type SchemaOutput,
  type SchemaResult,
  type StandardSchema,
} from "./schema.ts";
export * from "./upcast.ts";
export {
  type ActorRef,
  type AskOptions,
  type Call,
  type CallsOf,
  type CommandResult,
} from "./reference.ts";

// Words of other rooms that the options and results above are made of.
export type * from "../store/mod.ts";
export type * from "../bus/mod.ts";
export type * from "../projection/mod.ts";
export type * from "../cluster/mod.ts";
export type { ConnectOptions } from "../nats/mod.ts";
