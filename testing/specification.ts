/**
 * Given, when, then: how an actor behaves, shown by example and run with no
 * runtime. Specifications stand in code, typed by the definition, or in a model.
 */
import { AssertionError } from "node:assert";
import { isDeepStrictEqual } from "node:util";
import type {
  ActorDefinition,
  ActorShape,
  AnyActor,
  EventOf,
} from "../actor/mod.ts";
import type {
  Example,
  Model,
  ModelSpecification,
  Observation,
  Sending,
} from "../model/mod.ts";
import { BareActor, type BareOptions, type Outcome } from "./_bare_actor.ts";
import { diffLines, linesOf } from "./_diff.ts";

/** What a specification is run with. */
export interface SpecificationOptions {
  /** Whose command it is; `<type>-1` by default. */
  readonly actorId?: string;
  /** What `ctx.now` says; noon of 1 January 2026, UTC, by default. */
  readonly now?: Date;
  /** Whatever else handlers are to find in their `ctx`, such as an `actor` to call. */
  readonly context?: Readonly<Record<string, unknown>>;
}

/** The union of an actor's commands: `{ type, data }` each. */
export type CommandOf<Commands> = {
  [Name in keyof Commands & string]: unknown extends Commands[Name]
    ? { readonly type: Name; readonly data?: undefined }
    : { readonly type: Name; readonly data: Commands[Name] };
}[keyof Commands & string];

/** What queries without input answer. */
export type AnswersOf<Queries> = {
  readonly [Name in keyof Queries & string]?: Queries[Name] extends
    { readonly output: infer Output } ? Output : unknown;
};

/** The specifications that fit a definition. */
export type SpecificationOf<Definition extends AnyActor> = Definition extends
  ActorDefinition<infer Shape> ? ShapeSpecification<Shape> : AnySpecification;

/** A specification of actors of one shape. */
export interface ShapeSpecification<Shape extends ActorShape> {
  /** What it shows; shown where it fails. */
  readonly name?: string;
  /** What has happened; nothing by default. */
  readonly given?: readonly EventOf<Shape["events"]>[];
  /** The command. */
  readonly when: CommandOf<Shape["commands"]>;
  /** What happens then: the events, in order, or the reason of a rejection. */
  readonly then:
    | readonly EventOf<Shape["events"]>[]
    | { readonly rejected: string };
  /** The commands sent to other actors, in order; not looked at where it is left out. */
  readonly sends?: readonly Sending[];
  /** What queries answer behind it; those that are not named are not asked. */
  readonly answers?: AnswersOf<Shape["queries"]>;
}

/** A specification of any actor. */
export interface AnySpecification {
  /** What it shows; shown where it fails. */
  readonly name?: string;
  /** What has happened; nothing by default. */
  readonly given?: readonly Example[];
  /** The command. */
  readonly when: Example;
  /** What happens then: the events, in order, or the reason of a rejection. */
  readonly then: readonly Example[] | { readonly rejected: string };
  /** The commands sent to other actors, in order; not looked at where it is left out. */
  readonly sends?: readonly Sending[];
  /** What queries answer behind it; those that are not named are not asked. */
  readonly answers?: Readonly<Record<string, unknown>>;
}

/**
 * Runs one specification.
 *
 * Events and inputs go through JSON and are frozen, as in the runtime; a
 * decision that the runtime would refuse fails here, too.
 *
 * @returns What was observed, for `modelOf` of `@flowmade/aether/model`.
 * @throws {AssertionError} It came otherwise; the message shows where.
 * @example An account cannot be overdrawn
 * ```ts
 * import { defineActor, Rejected } from "@flowmade/aether";
 * import { specify } from "@flowmade/aether/testing";
 *
 * const Account = defineActor("account", {
 *   state: () => 0,
 *   events: {
 *     Deposited: (s: number, e: { amount: number }) => s + e.amount,
 *     Withdrawn: (s: number, e: { amount: number }) => s - e.amount,
 *   },
 * }).commands({
 *   withdraw(s, c: { amount: number }) {
 *     if (c.amount > s) throw new Rejected("insufficient_funds");
 *     return { type: "Withdrawn", data: c };
 *   },
 * }).queries({ balance: (s) => s });
 *
 * await specify(Account, {
 *   given: [{ type: "Deposited", data: { amount: 10 } }],
 *   when: { type: "withdraw", data: { amount: 4 } },
 *   then: [{ type: "Withdrawn", data: { amount: 4 } }],
 *   answers: { balance: 6 },
 * });
 * await specify(Account, {
 *   when: { type: "withdraw", data: { amount: 4 } },
 *   then: { rejected: "insufficient_funds" },
 * });
 * ```
 */
export async function specify<Definition extends AnyActor>(
  definition: Definition,
  specification: SpecificationOf<Definition>,
  options: SpecificationOptions = {},
): Promise<Observation> {
  const spec = specification as AnySpecification;
  const { actor, outcome, observation } = await run(definition, spec, options);
  const answers: Record<string, unknown> = {};
  for (const query of Object.keys(spec.answers ?? {})) {
    answers[query] = await actor.ask(query);
  }
  const expected = expectation(spec);
  const got = {
    ...outcome,
    sends: spec.sends === undefined ? [] : outcome.sends,
    answers,
  };
  if (isDeepStrictEqual(comparable(expected), comparable(got))) {
    return observation;
  }
  throw new AssertionError({
    message: failure(
      definition.type,
      spec,
      linesOfThen(expected),
      linesOfThen(got),
    ),
    expected,
    actual: got,
    operator: "specify",
  });
}

/**
 * Runs the specifications a model holds, each on the definition of its aggregate.
 *
 * @returns What was observed, for `modelOf` of `@flowmade/aether/model`.
 * @throws {AssertionError} At least one came otherwise, or has no definition;
 * the message shows all that did.
 */
export async function checkSpecifications(
  model: Pick<Model, "name" | "specifications">,
  definitions: readonly AnyActor[],
  options: SpecificationOptions = {},
): Promise<Observation[]> {
  const observed: Observation[] = [];
  const failures: string[] = [];
  for (const specification of model.specifications ?? []) {
    const definition = definitions.find(({ type }) =>
      type === specification.of
    );
    if (definition === undefined) {
      failures.push(
        `"${specification.name}" is of "${specification.of}", which is not among the definitions`,
      );
      continue;
    }
    try {
      observed.push(await specify(definition, specification, options));
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  if (failures.length === 0) return observed;
  throw new AssertionError({
    message: failures.join("\n\n"),
    operator: "checkSpecifications",
  });
}

/**
 * Runs commands and tells what came of them, whatever it is: for a model that is
 * read off the code.
 *
 * @param scenes What has happened and which command is given then; the `then` of
 * a specification is not looked at.
 * @throws {Error} An actor type, event or command does not exist, or a command
 * neither decided nor refused.
 */
export async function observe(
  definitions: readonly AnyActor[],
  scenes: readonly Pick<ModelSpecification, "of" | "given" | "when">[],
  options: SpecificationOptions = {},
): Promise<Observation[]> {
  const observed: Observation[] = [];
  for (const scene of scenes) {
    const definition = definitions.find(({ type }) => type === scene.of);
    if (definition === undefined) {
      throw new Error(
        `Cannot observe "${scene.of}" as it is not among the definitions`,
      );
    }
    const { outcome, observation } = await run(definition, scene, options);
    if (outcome.failed !== undefined) {
      throw new Error(
        `Cannot observe "${scene.when.type}" of "${scene.of}" as it failed: ${outcome.failed}`,
      );
    }
    observed.push(observation);
  }
  return observed;
}

async function run(
  definition: AnyActor,
  { given = [], when }: Pick<AnySpecification, "given" | "when">,
  options: BareOptions,
): Promise<{ actor: BareActor; outcome: Outcome; observation: Observation }> {
  const actor = new BareActor(definition, options);
  for (const event of given) actor.happen(event);
  const outcome = await actor.give(when);
  const { events, rejected, sends } = outcome;
  const observation: Observation = {
    of: definition.type,
    given,
    when,
    events,
    ...(rejected === undefined ? {} : { rejected }),
    ...(sends.length === 0 ? {} : { sends }),
  };
  return { actor, outcome, observation };
}

type Then = Outcome & { readonly answers: Readonly<Record<string, unknown>> };

function expectation(
  { then, sends = [], answers = {} }: AnySpecification,
): Then {
  return "rejected" in then
    ? { events: [], sends, rejected: then.rejected, answers }
    : { events: then, sends, answers };
}

function comparable(then: Then): unknown {
  const { events, ...rest } = then;
  return {
    ...rest,
    events: events.map(({ type, data }) =>
      data === undefined ? { type } : { type, data }
    ),
  };
}

function linesOfThen(
  { events, sends, rejected, failed, answers }: Then,
): string[] {
  const lines = events.flatMap(({ type, data }) => linesOf(type, data));
  if (rejected !== undefined) lines.push(`rejected: ${rejected}`);
  if (failed !== undefined) lines.push(`failed: ${failed}`);
  if (lines.length === 0) lines.push("nothing");
  for (const { to, key, data } of sends) {
    lines.push(...linesOf(`sends ${to} to ${JSON.stringify(key)}`, data));
  }
  for (const [query, answer] of Object.entries(answers)) {
    lines.push(...linesOf(`${query}?`, answer ?? null));
  }
  return lines;
}

function failure(
  type: string,
  { name, given = [], when }: AnySpecification,
  expected: readonly string[],
  got: readonly string[],
): string {
  const block = (word: string, lines: readonly string[]) =>
    lines.map((line, index) =>
      `  ${(index === 0 ? word : "").padEnd(6)}${line}`
    );
  return [
    `${
      name === undefined ? "A specification" : `"${name}"`
    } of ${type} fails: - is expected, + is what came`,
    "",
    ...block(
      "given",
      given.length === 0
        ? ["nothing"]
        : given.flatMap(({ type, data }) => linesOf(type, data)),
    ),
    ...block("when", linesOf(when.type, when.data)),
    "  then",
    ...diffLines(expected, got).map((line) => `  ${line}`),
  ].join("\n");
}
