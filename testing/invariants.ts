/**
 * What always holds, whatever happens: random commands against invariants, and
 * the shortest story in which one of them breaks.
 */
import { AssertionError } from "node:assert";
import { isDeepStrictEqual } from "node:util";
import type { ActorDefinition, AnyActor, StateOf } from "../actor/mod.ts";
import { InvalidArgumentError } from "../event/mod.ts";
import type { Example } from "../model/mod.ts";
import { BareActor, type Outcome } from "./_bare_actor.ts";
import { freshChance, repeatedChance, smallerChoices } from "./_choices.ts";
import { linesOf } from "./_diff.ts";
import type { Chance } from "./_random.ts";
import { shrink } from "./_shrink.ts";
import type { SpecificationOptions } from "./specification.ts";

export type { Chance } from "./_random.ts";

/** A command that was given, and what came of it. */
export interface StoryLine {
  /** The command and its input. */
  readonly when: Example;
  /** The events it led to. */
  readonly events: readonly Example[];
  /** The reason of its rejection, where it was refused. */
  readonly rejected?: string;
}

/** What makes the inputs of an actor's commands; those without one are not given. */
export type InputMakers<Definition> = Definition extends
  ActorDefinition<infer Shape> ? {
    readonly [Name in keyof Shape["commands"] & string]?: (
      chance: Chance,
    ) => Shape["commands"][Name];
  }
  : AnyInputMakers;

/** What makes the inputs of any actor's commands. */
export type AnyInputMakers = Readonly<
  Record<string, (chance: Chance) => unknown>
>;

/** What is tried, and what has to hold. */
export interface InvariantOptions<State, Makers = AnyInputMakers>
  extends SpecificationOptions {
  /** For each command that is given, what makes its input. */
  readonly commands: Makers;
  /**
   * What has to hold behind every command, by name: `false` or a throw is a
   * breach. Two hold without being named: no command fails otherwise than by
   * `Rejected`, and a replay gives the same state.
   */
  readonly invariants?: Readonly<
    Record<
      string,
      (state: State, story: readonly StoryLine[]) => boolean | void
    >
  >;
  /** What has happened before each story; nothing by default. */
  readonly given?: readonly Example[];
  /** Stories that are tried; 100 by default. */
  readonly runs?: number;
  /** Commands in a story, at most; 30 by default. */
  readonly steps?: number;
  /** Repeats the stories of an earlier call; by chance by default. */
  readonly seed?: number;
}

/** What was tried, where nothing broke. */
export interface InvariantReport {
  /** The seed that repeats it. */
  readonly seed: number;
  /** Stories that were tried. */
  readonly runs: number;
  /** Commands that were decided, by name. */
  readonly decided: Readonly<Record<string, number>>;
  /** Commands that were refused, by name: one that is always refused was hardly tried. */
  readonly rejected: Readonly<Record<string, number>>;
}

/**
 * Gives an actor random commands and looks whether the invariants hold.
 *
 * What fails is made as short and its inputs as small as still fail: commands
 * are left out, inputs made smaller, and shorter stories tried by chance. Inputs
 * are made smaller by giving their makers smaller choices, so none is ever tried
 * that its maker would not make.
 *
 * @throws {AssertionError} An invariant broke; the message tells the shortest
 * story found, and the seed.
 * @throws {InvalidArgumentError} `invalid_argument`: no command, or one that
 * does not exist.
 * @example A bug that takes three commands
 * ```ts
 * import { defineActor } from "@flowmade/aether";
 * import { checkInvariants } from "@flowmade/aether/testing";
 * import assert from "node:assert/strict";
 *
 * const Stock = defineActor("stock", {
 *   state: () => 3,
 *   events: { Taken: (s: number, e: { by: number }) => s - e.by },
 * }).commands({ take: (_s, c: { by: number }) => ({ type: "Taken", data: c }) });
 *
 * await assert.rejects(
 *   checkInvariants(Stock, {
 *     commands: { take: (chance) => ({ by: 1 + chance.int(2) }) },
 *     invariants: { "is never below nothing": (state) => state >= 0 },
 *     seed: 1,
 *   }),
 *   /"is never below nothing" breaks.*2 commands/s,
 * );
 * ```
 */
export async function checkInvariants<Definition extends AnyActor>(
  definition: Definition,
  options: InvariantOptions<StateOf<Definition>, InputMakers<Definition>>,
): Promise<InvariantReport> {
  const { runs = 100, steps = 30 } = options;
  const makers = options.commands as AnyInputMakers;
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  const names = Object.keys(makers);
  for (const name of names) {
    if (definition.commandHandlers.has(name)) continue;
    throw new InvalidArgumentError(
      `Cannot try "${name}" as "${definition.type}" has no such command: known are ${
        [...definition.commandHandlers.keys()].join(", ")
      }`,
    );
  }
  if (names.length === 0) {
    throw new InvalidArgumentError(
      `Cannot try "${definition.type}" as there is no command to give: "commands" is empty`,
    );
  }
  const trial = new Trial(
    definition,
    options as unknown as InvariantOptions<unknown>,
  );
  const decided: Record<string, number> = {};
  const rejected: Record<string, number> = {};
  for (let run = 0; run < runs; run++) {
    const plan = planOf(names, makers, steps, seed + run);
    const told = await trial.run(plan);
    for (const line of told.story) {
      const counts = line.rejected === undefined ? decided : rejected;
      counts[line.when.type] = (counts[line.when.type] ?? 0) + 1;
    }
    if (told.broken === undefined) continue;
    const { broken } = told;
    const fails = async (candidate: readonly Planned[]) =>
      (await trial.run(candidate)).broken === broken;
    const least = (plan: readonly Planned[]) => shrink(plan, fails, smaller);
    let shortest = await least(plan.slice(0, told.story.length));
    // Leaving commands out is not all: two may be needed where one of another
    // size would do. So shorter stories are tried by chance, shortest first.
    for (let length = 1; length < shortest.length; length++) {
      for (let attempt = 0; attempt < SHORTER_TRIES; attempt++) {
        const shorter = planOf(
          names,
          makers,
          length,
          seed + run + attempt + 1,
        );
        if (!await fails(shorter)) continue;
        shortest = await least(shorter);
        break;
      }
    }
    throw breach(definition.type, await trial.run(shortest), {
      seed,
      run,
      steps: told.story.length,
    });
  }
  return { seed, runs, decided, rejected };
}

/** Stories of each length that are tried in search of a shorter one. */
const SHORTER_TRIES = 500;

function smaller({ command, choices }: Planned): Planned[] {
  return smallerChoices(choices).map((fewer) => ({ command, choices: fewer }));
}

/** One command to be given, and the choices its input is made by. */
interface Planned {
  readonly command: string;
  readonly choices: readonly number[];
}

/** How one story went. */
interface Told {
  readonly story: readonly StoryLine[];
  readonly state: unknown;
  /** The invariant that broke, behind the last line. */
  readonly broken?: string;
  /** How it broke. */
  readonly why?: string;
}

function planOf(
  names: readonly string[],
  makers: AnyInputMakers,
  steps: number,
  seed: number,
): Planned[] {
  const order = freshChance(seed);
  return Array.from({ length: steps }, () => {
    const command = order.pick(names);
    const input = freshChance(order.int(2 ** 31));
    makers[command]!(input);
    return { command, choices: input.choices };
  });
}

class Trial {
  readonly #definition: AnyActor;
  readonly #options: InvariantOptions<unknown>;

  constructor(definition: AnyActor, options: InvariantOptions<unknown>) {
    this.#definition = definition;
    this.#options = options;
  }

  async run(plan: readonly Planned[]): Promise<Told> {
    const actor = new BareActor(this.#definition, this.#options);
    for (const event of this.#options.given ?? []) actor.happen(event);
    const story: StoryLine[] = [];
    for (const { command, choices } of plan) {
      const data = this.#options.commands[command]!(repeatedChance(choices));
      const when = data === undefined
        ? { type: command }
        : { type: command, data };
      const outcome = await actor.give(when);
      story.push(lineOf(when, outcome));
      const breach = outcome.failed === undefined
        ? this.#breach(actor, story)
        : [`no command fails`, outcome.failed];
      if (breach === undefined) continue;
      const [broken, why] = breach;
      return { story, state: actor.state, broken: broken!, why: why! };
    }
    const again = actor.replayed();
    if (!isDeepStrictEqual(again, actor.state)) {
      return {
        story,
        state: actor.state,
        broken: "a replay gives the same state",
        why: linesOf("replayed", again).join("\n"),
      };
    }
    return { story, state: actor.state };
  }

  #breach(
    actor: BareActor,
    story: readonly StoryLine[],
  ): [string, string] | undefined {
    for (
      const [name, holds] of Object.entries(this.#options.invariants ?? {})
    ) {
      try {
        if (holds(actor.state, story) === false) return [name, ""];
      } catch (error) {
        return [name, error instanceof Error ? error.message : String(error)];
      }
    }
    return undefined;
  }
}

function lineOf(when: Example, { events, rejected }: Outcome): StoryLine {
  return { when, events, ...(rejected === undefined ? {} : { rejected }) };
}

function breach(
  type: string,
  { story, state, broken, why }: Told,
  { seed, run, steps }: { seed: number; run: number; steps: number },
): AssertionError {
  const lines = story.map(({ when, events, rejected }, index) => {
    const came = rejected !== undefined
      ? `rejected: ${rejected}`
      : events.flatMap((event) => linesOf(event.type, event.data)).join(", ");
    const given = linesOf(when.type, when.data).join(" ");
    return `  ${index + 1}. ${given}  →  ${came || "nothing"}`;
  });
  return new AssertionError({
    message: [
      `"${broken}" breaks for ${type} behind ${story.length} ${
        story.length === 1 ? "command" : "commands"
      }${why ? `: ${why}` : ""}`,
      "",
      ...lines,
      "",
      ...linesOf("  state", state),
      "",
      `Found in story ${
        run + 1
      } of seed ${seed}, there behind ${steps} commands. To repeat: seed: ${seed}`,
    ].join("\n"),
    operator: "checkInvariants",
  });
}
