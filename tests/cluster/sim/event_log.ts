/**
 * The stream of commits that the owners of shards write: each expects the last
 * sequence of its actor, so that of two writers one is refused.
 */
import type { SimProcess } from "./process.ts";
import type { SimWorld } from "./world.ts";

/** One decision as it is stored. */
export interface Commit {
  /** Unlike that of any other. */
  readonly id: string;
  readonly actor: string;
  /** Sequence of the actor's commit before; 0 for none. */
  readonly expected: number;
  /** Of the shard, as the writer has it. */
  readonly generation: number;
  /** The command it answers; undefined for a fence. */
  readonly command: string | undefined;
  /** The actor's version after it. */
  readonly version: number;
  /** Whether it has an event, and so takes a version. */
  readonly isEvent: boolean;
}

/** A commit and its place. */
export interface StoredCommit extends Commit {
  readonly sequence: number;
}

/** What the log says to an append. */
export type AppendAnswer =
  | { readonly kind: "stored"; readonly sequence: number }
  | { readonly kind: "refused" };

/** The stream of commits. */
export class SimEventLog {
  /** Called for each commit that was stored, and by whom. */
  onStored: (commit: StoredCommit, by: SimProcess) => void = () => {};
  /** Appends refused as another writer was first. */
  refused = 0;
  readonly #world: SimWorld;
  readonly #commits = new Map<string, StoredCommit[]>();
  #sequence = 0;

  constructor(world: SimWorld) {
    this.#world = world;
  }

  /** All commits of an actor, as they are now. */
  of(actor: string): readonly StoredCommit[] {
    return this.#commits.get(actor) ?? [];
  }

  /** All actors that have a commit. */
  get actors(): string[] {
    return [...this.#commits.keys()];
  }

  /** Asks for one append, once. */
  append(
    process: SimProcess,
    commit: Commit,
    timeout: number,
  ): Promise<AppendAnswer> {
    const { dice, noise, scheduler } = this.#world;
    const answered = process.expect<AppendAnswer>(
      commit.actor,
      timeout,
      (settle, fail) => {
        this.#world.request(process, fail, () => {
          const answer = this.#apply(process, commit);
          if (dice.chance(noise.lostAcks)) return;
          scheduler.after(this.#world.delay(), () => settle(answer));
        });
      },
    );
    this.#world.onSent(process, `append.${commit.actor}`);
    return answered;
  }

  /** All commits of an actor, from the log's leader. */
  load(
    process: SimProcess,
    actor: string,
    timeout: number,
  ): Promise<readonly StoredCommit[]> {
    return process.expect(actor, timeout, (settle, fail) => {
      this.#world.request(process, fail, () => {
        const found = [...this.of(actor)];
        this.#world.scheduler.after(this.#world.delay(), () => settle(found));
      });
    });
  }

  #apply(by: SimProcess, commit: Commit): AppendAnswer {
    const list = this.#commits.get(commit.actor) ?? [];
    if ((list.at(-1)?.sequence ?? 0) !== commit.expected) {
      this.refused++;
      return { kind: "refused" };
    }
    const stored = { ...commit, sequence: ++this.#sequence };
    list.push(stored);
    this.#commits.set(commit.actor, list);
    this.onStored(stored, by);
    return { kind: "stored", sequence: stored.sequence };
  }
}
