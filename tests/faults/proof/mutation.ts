/** One thing that can be wrong with a record. */
import type { InvariantId, RunRecord } from "../checker/mod.ts";
import type { Below } from "./_find.ts";

/** Makes one thing wrong. */
export interface Mutation {
  /** What must be reported. */
  readonly invariant: InvariantId;
  /** The record with it; undefined where a record has no place for it. */
  readonly mutate: (record: RunRecord, below: Below) => RunRecord | undefined;
}

/** Mutations, by what is wrong. */
export type Mutations = Readonly<Record<string, Mutation>>;

/** A mutation, and the invariant by which it must be reported. */
export function on(
  invariant: InvariantId,
  mutate: Mutation["mutate"],
): Mutation {
  return { invariant, mutate };
}
