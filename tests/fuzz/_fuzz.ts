/**
 * Runs changed inputs against something that has to answer each of them with a
 * correct value or one of Aether's own errors, and counts which. One seed makes all
 * of a run: `SEED=n` makes the same one again, and each failure names it.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { AetherError } from "../../event/mod.ts";
import { type Random, seeded } from "../support/mod.ts";

/** Whether the long runs were asked for. */
export const NIGHTLY: boolean = process.env["AETHER_NIGHTLY"] === "1";

/** For `it()`: Bun gives a test five seconds otherwise. */
export const LONG: { readonly timeout: number } = {
  timeout: NIGHTLY ? 3_600_000 : 120_000,
};

/** How many inputs are tried: of every run, and of a nightly one. */
export function cases(ordinary: number, nightly: number): number {
  return NIGHTLY ? nightly : ordinary;
}

/** How often each outcome was seen. */
export type Tally = ReadonlyMap<string, number>;

/** One thing that is fed. */
export interface Fed<Input> {
  /** What is fed, for messages. */
  readonly name: string;
  /** How many inputs. */
  readonly count: number;
  /** Makes an input. */
  make(random: Random): Input;
  /**
   * Feeds it; returns what came of it, in a word, such as `taken` or an error's code.
   * Whatever it throws is a failure.
   */
  feed(input: Input): string | Promise<string>;
  /** Shows an input, so that it can be fed again by hand. */
  show(input: Input): string;
}

/** Feeds all inputs; fails with the seed and the input at the first wrong answer. */
export async function fuzz<Input>(fed: Fed<Input>): Promise<Tally> {
  const { count, feed, make, name, show } = fed;
  const random = seeded();
  const tally = new Map<string, number>();
  const before = prototypes();
  for (let i = 0; i < count; i++) {
    const input = make(random);
    try {
      let outcome = feed(input);
      if (typeof outcome !== "string") outcome = await outcome;
      tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
      assertUnpolluted();
    } catch (cause) {
      throw new Error(
        `${name}, input ${i} of SEED=${random.seed}: ${
          cause instanceof Error ? `${cause.name}: ${cause.message}` : cause
        }\n${show(input).slice(0, 4_000)}`,
        { cause },
      );
    }
  }
  assert.deepEqual(prototypes(), before, `${name} changed a prototype`);
  console.log(`${name}: ${count} inputs, ${JSON.stringify([...tally])}`);
  return tally;
}

/**
 * Says of a call what came of it: `taken`, or the code of Aether's error.
 *
 * @param check Looks at what it returned.
 */
export function outcomeOf<T>(
  run: () => T,
  check: (value: T) => void = () => {},
): string {
  let value: T;
  try {
    value = run();
  } catch (error) {
    if (error instanceof AetherError) return error.code;
    throw error;
  }
  check(value);
  return "taken";
}

/** Asserts that each of these outcomes made up so large a share of all. */
export function assertSeen(
  tally: Tally,
  shares: Readonly<Record<string, number>>,
): void {
  const all = [...tally.values()].reduce((sum, n) => sum + n, 0);
  for (const [outcome, share] of Object.entries(shares)) {
    const seen = tally.get(outcome) ?? 0;
    assert.ok(
      seen > 0 && seen >= all * share,
      `only ${seen} of ${all} were "${outcome}": ${JSON.stringify([...tally])}`,
    );
  }
  const others = [...tally.keys()].filter((outcome) => !(outcome in shares));
  assert.deepEqual(others, [], "outcomes nobody expected");
}

/** Shows bytes so that they can be made again. */
export function showBytes(bytes: Uint8Array): string {
  return `base64 ${Buffer.from(bytes).toString("base64")}`;
}

// What is put on a prototype by assignment is seen here, in every object's keys.
function assertUnpolluted(): void {
  for (const value of [{}, [], () => {}]) {
    for (const key in value) assert.fail(`a prototype has got "${key}"`);
  }
}

function prototypes(): unknown {
  return [Object, Array, Function, String, Number, Map, Date, Error]
    .map(({ prototype }) => Object.getOwnPropertyDescriptors(prototype));
}
