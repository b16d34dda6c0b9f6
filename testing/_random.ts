/** Chance that can be repeated: the same seed, the same numbers. */
export interface Chance {
  /** A whole number from 0 up to, but not, `below`. */
  int(below: number): number;
  /** One of several values. */
  pick<T>(values: readonly T[]): T;
}

/** Chance from a seed (mulberry32). */
export function chance(seed: number): Chance {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number) => Math.floor(next() * below);
  return { int, pick: (values) => values[int(values.length)]! };
}
