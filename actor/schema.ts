/**
 * Schemas for what comes in: any validator that speaks Standard Schema, such as
 * those of zod, valibot and arktype. The interface is written out here, so none
 * of them is needed. Source: {@link https://standardschema.dev | Standard Schema}.
 */
import { InvalidArgumentError } from "../event/mod.ts";
import { isThenable, noteAsync } from "./_async.ts";
import type { AnyHandler } from "./definition.ts";
import { freezeDeep } from "./_json.ts";

/** What is wrong with a value, as a validator tells it. */
export interface SchemaIssue {
  /** In words. */
  readonly message: string;
  /** Where: keys from the outside in, each bare or as `{ key }`. */
  readonly path?:
    | readonly (PropertyKey | { readonly key: PropertyKey })[]
    | undefined;
}

/** What a validator makes of a value. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** A validator that speaks Standard Schema 1.0. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** The one property of the interface. */
  readonly "~standard": {
    /** Of the interface. */
    readonly version: 1;
    /** Whose it is, such as `zod`. */
    readonly vendor: string;
    /** Looks at a value. */
    readonly validate: (
      value: unknown,
    ) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** For TypeScript alone. */
    readonly types?:
      | { readonly input: Input; readonly output: Output }
      | undefined;
  };
}

/** What a schema takes. */
export type SchemaInput<Schema> = Schema extends // deno-lint-ignore no-explicit-any -- of any output
StandardSchema<infer Input, any> ? Input
  : never;

/** What a schema makes of it. */
export type SchemaOutput<Schema> = Schema extends // deno-lint-ignore no-explicit-any -- of any input
StandardSchema<any, infer Output> ? Output
  : never;

/** Marks a handler whose callers give what its schema takes. */
export interface Checked<Input> {
  /** For TypeScript alone; never there. */
  readonly "~input"?: Input;
}

/**
 * A handler whose input or data goes through a schema first: what the schema
 * makes of it is what the handler gets, and what types it has.
 *
 * For a command or a query, an input that the schema refuses is refused as
 * `invalid_argument`; its validator may be async. For an event the log keeps what
 * the command returned, and each reading goes through the schema, so a default in
 * the schema also fills in what old events lack. A decided event that the schema
 * refuses is never stored (`command_failed`); a stored one puts its actor into
 * quarantine. An event's validator must be synchronous.
 *
 * @param schema Any Standard Schema.
 * @param handler The handler, as it would be without.
 * @returns The handler to be given to `events`, `commands` or `queries`.
 * @throws {InvalidArgumentError} `invalid_argument`: not a Standard Schema.
 * @example A schema written by hand; one of zod, valibot or arktype works the same
 * ```ts
 * import { Aether, checked, defineActor, type StandardSchema } from "@flowmade/aether";
 * import assert from "node:assert/strict";
 *
 * const positive: StandardSchema<number> = {
 *   "~standard": {
 *     version: 1,
 *     vendor: "docs",
 *     validate: (value) =>
 *       typeof value === "number" && value > 0
 *         ? { value }
 *         : { issues: [{ message: "not above 0" }] },
 *   },
 * };
 * const Counter = defineActor("counter", {
 *   state: () => 0,
 *   events: { Added: (s, by: number) => s + by },
 * }).commands({
 *   add: checked(positive, (_s, by) => ({ type: "Added", data: by })),
 * });
 * await using aether = await Aether.start({ namespace: "docs", actors: [Counter] });
 * const clicks = aether.actor(Counter, "clicks");
 * await clicks.add(1);
 * await assert.rejects(clicks.add(-1), { code: "invalid_argument", message: /not above 0/ });
 * ```
 */
export function checked<
  // deno-lint-ignore no-explicit-any -- of any input and output
  Schema extends StandardSchema<any, any>,
  State,
  Rest extends unknown[],
  Returned,
>(
  schema: Schema,
  handler: (
    state: State,
    input: SchemaOutput<Schema>,
    ...rest: Rest
  ) => Returned,
):
  & ((state: State, input: SchemaOutput<Schema>, ...rest: Rest) => Returned)
  & Checked<SchemaInput<Schema>> {
  const standard = schema?.["~standard"];
  if (standard?.version !== 1 || typeof standard.validate !== "function") {
    throw new InvalidArgumentError(
      `Cannot check with a schema that is no Standard Schema, version 1: got ${
        schema === null ? "null" : typeof schema
      }`,
    );
  }
  const run = handler as unknown as AnyHandler;
  const whole: AnyHandler = (state, input, ctx) => {
    const result = standard.validate(input);
    return isThenable(result)
      ? result.then((value) => run(state, valueOf(value), ctx))
      : run(state, valueOf(result), ctx);
  };
  noteAsync(whole, handler);
  eventHandlers.set(whole, (state, data, ctx) => {
    const result = standard.validate(data);
    if (isThenable(result)) {
      result.then(undefined, () => {}); // whatever it comes to, nobody waits for it
      throw new SchemaFault([{
        message: "the validator of an event has to be synchronous",
      }]);
    }
    return run(state, valueOf(result), ctx);
  });
  return whole as never;
}

/** An event's handler as it is to be called: its schema must not wait for anything. */
export function eventHandlerOf(handler: AnyHandler): AnyHandler {
  return eventHandlers.get(handler) ?? handler;
}

/** A value that its schema refused. */
export class SchemaFault extends Error {
  /** Class name, kept when code is minified. */
  override readonly name = "SchemaFault";
  /** What is wrong, as plain JSON. */
  readonly issues: readonly {
    readonly message: string;
    readonly path: readonly (string | number)[];
  }[];

  /** Tells of the first twenty issues. */
  constructor(issues: readonly SchemaIssue[]) {
    const first = Array.from(issues).slice(0, MOST_ISSUES);
    const told = first.map(({ message, path }) => ({
      message: String(message),
      // A copy, as a validator's path may be more than an array.
      path: Array.from(path ?? [], plainKey),
    }));
    super(
      told.map(({ message, path }) =>
        path.length === 0 ? message : `${path.join(".")}: ${message}`
      ).join("; ") || "it says no more",
    );
    this.issues = told;
  }
}

function valueOf(result: SchemaResult<unknown>): unknown {
  if (result.issues !== undefined) throw new SchemaFault(result.issues);
  return freezeDeep(result.value);
}

function plainKey(
  segment: PropertyKey | { readonly key: PropertyKey },
): string | number {
  const key = typeof segment === "object" ? segment.key : segment;
  return typeof key === "number" ? key : String(key);
}

const eventHandlers = new WeakMap<AnyHandler, AnyHandler>();
const MOST_ISSUES = 20;
