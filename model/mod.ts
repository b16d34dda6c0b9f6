/**
 * The words of EventStorming as values that do work: a model types the code, is
 * read off it, is held against it and against what is stored, is linted,
 * compared, drawn and exchanged. Pure: nothing here does I/O but for reading
 * the events it is given.
 *
 * @example A model that is written, typed, checked and drawn
 * ```ts
 * import { defineActor } from "@flowmade/aether";
 * import { assertModel, defineModel, lint, toMermaid } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const bank = defineModel({
 *   name: "bank",
 *   people: { customer: {} },
 *   aggregates: {
 *     account: {
 *       events: { Deposited: { fields: { amount: "number" } } },
 *       commands: {
 *         deposit: { fields: { amount: "number" }, emits: ["Deposited"], by: ["customer"] },
 *       },
 *       queries: { balance: { by: ["customer"] } },
 *     },
 *   },
 * });
 *
 * const Account = defineActor("account", {
 *   state: () => 0,
 *   events: { Deposited: (s: number, e: { amount: number }) => s + e.amount },
 * }).commands({
 *   deposit: (_s, c: { amount: number }) => ({ type: "Deposited", data: c }),
 * }).queries({ balance: (s) => s });
 *
 * assertModel(bank, [Account]);
 * assert.deepEqual(lint(bank), []);
 * assert.match(toMermaid(bank), /^flowchart LR/);
 * ```
 *
 * @module
 */
export * from "./against_code.ts";
export * from "./async_api.ts";
export * from "./board.ts";
export * from "./check_stream.ts";
export * from "./compare.ts";
export * from "./define.ts";
export * from "./definitions.ts";
export * from "./event_catalog.ts";
export * from "./event_modeling.ts";
export * from "./event_modeling_format.ts";
export * from "./field.ts";
export * from "./from_code.ts";
export * from "./from_event_modeling.ts";
export * from "./json_schema.ts";
export * from "./lint.ts";
export * from "./markdown.ts";
export * from "./mermaid.ts";
export * from "./names.ts";
export * from "./observe.ts";
export * from "./story.ts";
export * from "./svg.ts";
export * from "./words.ts";
