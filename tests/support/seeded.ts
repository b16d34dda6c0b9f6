/**
 * Chance that can be repeated.
 *
 * @module
 */
import process from "node:process";

/** Seeded chance. */
export interface Random {
  /** The seed it started from. */
  readonly seed: number;
  /** A number from 0 up to, but not, 1. */
  next(): number;
  /** A whole number from 0 up to, but not, `below`. */
  int(below: number): number;
  /** One of several values. */
  pick<T>(values: readonly T[]): T;
  /** Chance of its own, from the same seed: for whoever draws at times of its own. */
  fork(): Random;
}

/**
 * Chance from a seed (mulberry32): the environment's `SEED` if set, else the
 * one given, else a random one. Says which, so that a failure can be repeated.
 */
export function seeded(seed?: number): Random {
  const given = process.env.SEED;
  const start = (given ? Number(given) : seed ?? Math.random() * 2 ** 32) >>> 0;
  console.log(`SEED=${start}`);
  return from(start);
}

function from(start: number): Random {
  let state = start;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number) => Math.floor(next() * below);
  return {
    seed: start,
    next,
    int,
    pick: (values) => values[int(values.length)]!,
    fork: () => from(int(2 ** 32)),
  };
}
