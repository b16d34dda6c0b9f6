/**
 * Carries out what commits of this node promise: behind the acknowledgement, off
 * the reply path, in order per actor. Commands go to the inbox, timers too, notices
 * to the bus; each under an id derived from the commit, so that it does no harm to
 * carry it out again.
 *
 * A node may die between a commit and that. So each life of a node keeps a *mark*:
 * below this sequence of the log all that its commits promise is carried out. It is
 * written when the node starts, and then at most once a second and only after work.
 * Whoever seizes a shard *sweeps* it: reads its commits from the mark of the late
 * owner on, and carries out what they promise, again or not. What the new owner's
 * own commits of that shard promise waits behind that, so order is kept; and its
 * own mark does not pass the late owner's until the sweep is done. Until it says so
 * in its own mark ("covers"), whoever seizes the shard next asks for both.
 *
 * An append of which nobody knows what became of it holds the mark too, until the
 * log has told: then what it promises is carried out, or was never promised.
 */
import {
  type ActorAddress,
  type AetherError,
  type CancelTimer,
  type Clock,
  type Effect,
  effectId,
  parseActorId,
} from "../event/mod.ts";
import type {
  ActorCommit,
  ActorPosition,
  EffectStore,
  EventStore,
  InboxPlace,
} from "../store/mod.ts";
import type { Log } from "./log.ts";
import type { Outbox } from "./_outbox.ts";
import { firedCommand, sentCommand } from "./_promised.ts";
import { ORIGIN } from "./_recovery.ts";

/** A commit that promises something, before it is stored. */
export interface PromisedCommit {
  /** ULID of the decision. */
  readonly commitId: string;
  /** What it promises. */
  readonly effects: readonly Effect[];
  /** The actor's version behind it. */
  readonly version: number;
  /** Where the actor's log ends before it. */
  readonly behind: ActorPosition;
}

/** Is told what became of a commit that promises something; once. */
export interface Promised {
  /** It is stored, at that sequence. */
  stored(sequence: number): void;
  /** It is not, and never will be. */
  notStored(): void;
  /** Nobody knows. */
  unknown(): void;
}

/** What a relay works with. */
export interface RelayOptions {
  /** The log, and the inbox. */
  readonly store: EventStore & EffectStore;
  /** Puts things into the inbox until they are there. */
  readonly outbox: Outbox;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Who is told. */
  readonly log: Log;
}

/** A stored commit whose effects are to be carried out. */
interface Pending {
  readonly address: ActorAddress;
  readonly commitId: string;
  readonly effects: readonly Effect[];
  readonly sequence: number;
  /** The actor's version behind it. */
  readonly version: number;
}

/** What is carried out of one actor's commits. */
interface Lane {
  readonly waiting: Pending[];
}

interface Sweep {
  /** Commits that came meanwhile; they go behind what the sweep finds. */
  readonly waiting: Pending[];
  readonly found: Set<number>;
  readonly done: Promise<void>;
}

/** Carries out what commits promise. */
export class Relay {
  readonly #options: RelayOptions;
  readonly #lanes = new Map<string, Lane>();
  /** By `type/shard`. */
  readonly #sweeps = new Map<string, Sweep>();
  /** Lowest sequences that hold the mark, and of which shard, where it is one. */
  readonly #holds = new Set<{ readonly from: number; readonly key?: string }>();
  readonly #covers: string[] = [];
  readonly #onIdle = new Set<() => void>();
  #backlog = 0;
  #relayed = 0;
  #run: string | undefined;
  #seen = 0;
  #written = 0;
  #isWriting = false;
  #cancelMark: CancelTimer | undefined;
  #lastMark = -Infinity;
  /** Whether nothing more can be carried out here. */
  #isCut = false;
  #closed = false;

  /** Carries out nothing yet. */
  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Effects that wait to be carried out. */
  get backlog(): number {
    return this.#backlog;
  }

  /** Effects carried out. */
  get relayed(): number {
    return this.#relayed;
  }

  /** Whether so many wait that no more should be promised for now. */
  get isFull(): boolean {
    return this.#backlog >= MOST_WAITING;
  }

  /**
   * Begins to keep the mark of a life of a node; before it promises anything.
   *
   * @param run Unlike that of any other life of any node.
   */
  async start(run: string): Promise<void> {
    const { outbox, store } = this.#options;
    const last = await outbox.untilDone(
      "the first mark",
      () => store.lastSequence(),
    );
    this.#seen = Math.max(this.#seen, last);
    this.#run = run;
    this.#covers.length = 0;
    await this.#write();
  }

  /** A commit that promises something is about to be stored. */
  promise(commit: PromisedCommit): Promised {
    const { behind, commitId, effects, version } = commit;
    const address = parseActorId(behind.actorId);
    // What is stored from now on is stored behind all that is known to be.
    const hold = { from: this.#seen + 1, key: keyOf(address) };
    this.#holds.add(hold);
    this.#backlog += effects.length;
    const over = () => {
      this.#backlog -= effects.length;
      this.#holds.delete(hold);
      this.#notify();
    };
    return {
      stored: (sequence) => {
        over();
        this.#enqueue({ address, commitId, effects, sequence, version });
      },
      notStored: over,
      unknown: () => {
        this.#settle(commit).then((sequence) => {
          over();
          if (sequence === undefined) return this.#look();
          this.#enqueue({ address, commitId, effects, sequence, version });
        }, over);
      },
    };
  }

  /**
   * Carries out what a late owner of shards may have left undone.
   *
   * @param places The shards.
   * @param late The lives of nodes that had them, the latest last.
   */
  async sweep(
    places: readonly InboxPlace[],
    late: readonly string[],
  ): Promise<void> {
    const begun = places
      .filter((place) => !this.#sweeps.has(keyOf(place)))
      .map((place) => ({ place, sweep: this.#begin(place) }));
    try {
      const from = await this.#startOf(late);
      if (from !== undefined) {
        // From here on this node's mark stands for the late ones too.
        const hold = { from };
        this.#holds.add(hold);
        try {
          for (const run of late) this.#cover(run);
          await this.#write();
          await inParallel(
            begun,
            SWEEPERS,
            ({ place, sweep }) => this.#sweepOne(place, sweep, from),
          );
        } finally {
          this.#holds.delete(hold);
        }
      }
    } finally {
      for (const { place, sweep } of begun) {
        this.#sweeps.delete(keyOf(place));
        for (const pending of sweep.waiting) {
          if (!sweep.found.has(pending.sequence)) this.#enqueue(pending);
        }
        sweep.end();
      }
      this.#look();
    }
  }

  /**
   * As {@link Relay.sweep}, for shards of which nobody knows who had them: where the
   * cluster's bucket is another one than it was. Of all who left something undone.
   *
   * @param isLive Whether a life of a node is one of those that run now.
   */
  async sweepAnew(
    places: readonly InboxPlace[],
    isLive: (run: string) => boolean,
  ): Promise<void> {
    const { outbox, store: { inbox } } = this.#options;
    const marks = await outbox.untilDone("the marks", () => inbox.marks());
    const late = this.#othersOf(marks).filter((run) => !isLive(run));
    if (late.length > 0) await this.sweep(places, late);
  }

  /**
   * Carries out what anybody who runs no more may have left undone, where there is
   * nobody else: before anything else happens.
   */
  async sweepAll(): Promise<void> {
    const { outbox, store } = this.#options;
    const { inbox } = store;
    const marks = await outbox.untilDone(
      "the marks",
      () => inbox.marks(),
    );
    const late = this.#othersOf(marks);
    let next = Infinity;
    for (const run of late) next = Math.min(next, marks.get(run)!.sequence);
    if (next === Infinity) return;
    await outbox.untilDone("a sweep", async () => {
      for await (const commit of store.commits({ from: next })) {
        next = commit.sequence + 1;
        await this.#again(commit);
      }
    });
    for (const run of late) {
      await inbox.setMark(run, undefined).catch(() => {});
    }
  }

  /**
   * Waits until all that the commits of a shard promise is carried out; for a
   * planned move.
   */
  async release(place: InboxPlace): Promise<void> {
    const key = keyOf(place);
    await this.#sweeps.get(key)?.done;
    const isBusy = () =>
      [...this.#holds].some((hold) => hold.key === key) ||
      [...this.#lanes.keys()].some((id) => keyOf(parseActorId(id)) === key);
    while (isBusy()) await this.#idle();
  }

  /** Waits until nothing is left to be done, at most `grace` ms. */
  async drain(grace: number): Promise<void> {
    let isOver = false;
    const cancel = this.#options.clock.timer(grace, () => {
      isOver = true;
      this.#notify();
    });
    const isBusy = () => this.#lanes.size > 0 || this.#holds.size > 0;
    while (!isOver && !this.#isCut && isBusy()) {
      await this.#idle();
    }
    cancel();
  }

  /** Leaves in peace: with nothing left to be done there is nothing to sweep. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelMark?.();
    const { inbox } = this.#options.store;
    if (this.#run === undefined) return;
    const isDone = this.#lanes.size === 0 && this.#holds.size === 0;
    try {
      const mark = isDone ? undefined : this.#mark();
      await inbox.setMark(this.#run, mark, { timeout: 1_000 });
    } catch { /* then somebody sweeps a little more */ }
  }

  // ---- carrying out ----

  #enqueue(pending: Pending): void {
    this.#seen = Math.max(this.#seen, pending.sequence);
    const sweep = this.#sweeps.get(keyOf(pending.address));
    this.#backlog += pending.effects.length;
    if (sweep !== undefined) {
      sweep.waiting.push(pending);
      this.#backlog -= pending.effects.length;
      return;
    }
    const { id } = pending.address;
    const lane = this.#lanes.get(id);
    if (lane !== undefined) {
      lane.waiting.push(pending);
      return;
    }
    const first: Lane = { waiting: [pending] };
    this.#lanes.set(id, first);
    this.#work(id, first);
  }

  async #work(id: string, lane: Lane): Promise<void> {
    while (lane.waiting.length > 0) {
      const pending = lane.waiting[0]!;
      try {
        await this.#carryOut(pending);
      } catch {
        // Closed, or the connection is: whoever comes next sweeps.
        this.#isCut = true;
        return this.#notify();
      }
      lane.waiting.shift();
      this.#backlog -= pending.effects.length;
      this.#relayed += pending.effects.length;
    }
    this.#lanes.delete(id);
    this.#look();
  }

  /** Together, but for those to one target: they keep their order. */
  async #carryOut(pending: Pending): Promise<void> {
    let together: Promise<void>[] = [];
    let targets = new Set<string>();
    for (const [i, effect] of pending.effects.entries()) {
      const target = effect.kind === "send" ? effect.to : `#${i}`;
      if (targets.has(target) || together.length >= TOGETHER) {
        await Promise.all(together);
        together = [];
        targets = new Set();
      }
      targets.add(target);
      together.push(this.#do(pending, effect, i));
    }
    await Promise.all(together);
  }

  async #do(
    { address, commitId, version }: Pending,
    effect: Effect,
    index: number,
  ): Promise<void> {
    const { clock, outbox, store } = this.#options;
    const { inbox } = store;
    const { id: actorId } = address;
    const id = effectId(commitId, index);
    try {
      switch (effect.kind) {
        case "send":
          await outbox.sendDurable(sentCommand(actorId, id, effect));
          break;
        case "schedule": {
          const { at, replaces, timer } = effect;
          const alarm = firedCommand(actorId, id, effect);
          await outbox.untilDone(
            `timer "${timer}" of "${actorId}"`,
            () => inbox.setAlarm(alarm, at),
          );
          if (replaces !== undefined) await this.#clear(actorId, replaces);
          break;
        }
        case "cancel":
          await this.#clear(actorId, effect.id);
          break;
        case "publish": {
          const { data, eventType, kind: _kind, ...metadata } = effect;
          await store.notice({
            id,
            actorId,
            eventType,
            version: Math.max(1, version),
            data,
            timestamp: new Date(clock.now()),
            metadata: { ...metadata },
          });
        }
      }
    } catch (error) {
      if (this.#closed) throw error;
      const { code, message } = error as AetherError;
      if (code === "closed") throw error;
      // Nothing that is tried again would go another way.
      this.#options.log({
        level: "error",
        message: "what a commit promises could not be carried out",
        actorId,
        commitId,
        index,
        kind: effect.kind,
        code,
        reason: message,
      });
    }
  }

  // An alarm that rings for nothing is dropped by its actor: so this is tried once.
  async #clear(actorId: string, id: string): Promise<void> {
    const { store: { inbox } } = this.#options;
    await inbox.clearAlarm(actorId, id, { timeout: 2_000 }).catch(() => {});
  }

  // ---- what nobody knows ----

  /** Finds out what became of a commit; resolves to its sequence, if it is stored. */
  async #settle(
    { behind, commitId }: PromisedCommit,
  ): Promise<number | undefined> {
    const { clock, outbox, store } = this.#options;
    for (let pause = 100;; pause = Math.min(pause * 2, 5_000)) {
      // The first commit behind: another's there means that it can never come.
      const { commits } = await outbox.untilDone(
        `what became of ${commitId}`,
        () => store.load(behind.actorId, { after: behind }),
      );
      const [first] = commits;
      if (first !== undefined) {
        return first.commitId === commitId ? first.sequence : undefined;
      }
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => clock.timer(pause, resolve));
    }
  }

  // ---- sweeping ----

  #begin(place: InboxPlace): Sweep & { end(): void } {
    const { promise: done, resolve: end } = Promise.withResolvers<void>();
    const sweep = { waiting: [], found: new Set<number>(), done, end };
    this.#sweeps.set(keyOf(place), sweep);
    return sweep;
  }

  /** Where to sweep from; undefined where nobody has left anything undone. */
  async #startOf(late: readonly string[]): Promise<number | undefined> {
    const { outbox, store: { inbox } } = this.#options;
    const covered = new Set<string>();
    let from: number | undefined;
    for (const run of [...late].reverse()) {
      if (covered.has(run) || run === this.#run) continue;
      const mark = await outbox.untilDone(
        "how far a late owner got",
        () => inbox.mark(run),
      );
      if (mark === undefined) continue;
      for (const other of mark.covers) covered.add(other);
      from = Math.min(from ?? Infinity, mark.sequence);
    }
    return from;
  }

  async #sweepOne(
    place: InboxPlace,
    sweep: Sweep,
    from: number,
  ): Promise<void> {
    const { outbox, store } = this.#options;
    let next = from;
    await outbox.untilDone(`a sweep of ${keyOf(place)}`, async () => {
      for await (const commit of store.commits({ ...place, from: next })) {
        next = commit.sequence + 1;
        sweep.found.add(commit.sequence);
        await this.#again(commit);
      }
    });
  }

  async #again(commit: ActorCommit): Promise<void> {
    const { actorId, commitId, effects, sequence, version } = commit;
    if (effects === undefined) return;
    const address = parseActorId(actorId);
    await this.#carryOut({ address, commitId, effects, sequence, version });
    this.#relayed += effects.length;
  }

  /** The lives of nodes that have a mark, but for this one. */
  #othersOf(marks: ReadonlyMap<string, unknown>): string[] {
    return [...marks.keys()].filter((run) =>
      run !== this.#run && run !== ORIGIN
    );
  }

  #cover(run: string): void {
    if (this.#covers.includes(run)) return;
    this.#covers.push(run);
    if (this.#covers.length > MOST_COVERED) this.#covers.shift();
  }

  // ---- the mark ----

  #mark(): { readonly sequence: number; readonly covers: readonly string[] } {
    let sequence = this.#seen + 1;
    for (const { from } of this.#holds) sequence = Math.min(sequence, from);
    for (const { waiting } of this.#lanes.values()) {
      for (const pending of waiting) {
        sequence = Math.min(sequence, pending.sequence);
      }
    }
    for (const { waiting } of this.#sweeps.values()) {
      for (const pending of waiting) {
        sequence = Math.min(sequence, pending.sequence);
      }
    }
    return { sequence, covers: this.#covers };
  }

  /** Something was done: those who wait look, and the mark is moved before long. */
  #look(): void {
    this.#notify();
    if (this.#run === undefined || this.#closed) return;
    if (this.#cancelMark !== undefined || this.#isWriting) return;
    const { clock } = this.#options;
    const left = this.#lastMark + MARK_EVERY - clock.monotonic();
    this.#cancelMark = clock.timer(Math.max(0, left), () => {
      this.#cancelMark = undefined;
      if (this.#mark().sequence !== this.#written) {
        this.#write().catch(() => {});
      }
    });
  }

  async #write(): Promise<void> {
    if (this.#run === undefined || this.#closed) return;
    const { clock, outbox, store: { inbox } } = this.#options;
    const mark = this.#mark();
    this.#isWriting = true;
    try {
      await outbox.untilDone(
        "a mark",
        () => inbox.setMark(this.#run!, mark),
      );
      this.#written = mark.sequence;
    } finally {
      this.#isWriting = false;
      this.#lastMark = clock.monotonic();
    }
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => this.#onIdle.add(resolve));
  }

  #notify(): void {
    if (this.#onIdle.size === 0) return;
    const waiting = [...this.#onIdle];
    this.#onIdle.clear();
    for (const resolve of waiting) resolve();
  }
}

function keyOf({ shard, type }: InboxPlace): string {
  return `${type}/${shard}`;
}

async function inParallel<T>(
  items: readonly T[],
  most: number,
  run: (item: T) => Promise<void>,
): Promise<void> {
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) {
      await run(item);
    }
  };
  await Promise.all(Array.from({ length: most }, worker));
}

/** Effects that may wait before commands are refused. */
const MOST_WAITING = 10_000;
/** Effects of one commit that are carried out at the same time. */
const TOGETHER = 64;
/** Shards that are swept at the same time. */
const SWEEPERS = 8;
/** Milliseconds between two marks. */
const MARK_EVERY = 1_000;
/** Late owners that a mark says it covers. */
const MOST_COVERED = 64;
