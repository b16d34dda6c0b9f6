/**
 * Runs one projection in this process: takes a seat among those who could fold it,
 * and folds while it is the active one.
 *
 * The seat is for liveness. A late active one may fold along with its successor:
 * each write carries the revision it was made from, so one of the two is refused,
 * lets go of all it holds, and looks anew whether the seat is still its own.
 *
 * A commit that cannot be folded stops the projection before it. It is tried again
 * with back-off: the next release of the handlers may be running by then, here or
 * where the seat is taken next. Nothing is left out, so what the view shows is
 * always the fold of the log up to some commit.
 */
import {
  AetherError,
  type Clock,
  CommandFailedError,
  CorruptLogError,
  deriveDurable,
  type Event,
} from "../event/mod.ts";
import type { EventBroadcaster, Seat, Seats } from "../bus/mod.ts";
import { Documents, Superseded } from "./_documents.ts";
import { Folder, Stuck } from "./_fold.ts";
import { CommitIntake, type Intake } from "./_intake.ts";
import { retireOlder } from "./_retire.ts";
import type { Mark, ViewStore } from "./_views.ts";
import type { AnyProjection } from "./definition.ts";
import { onlyType } from "./on.ts";
import type { ProjectionStatus } from "./types.ts";

/** Takes what is worth telling whoever runs the system. */
export type Tell = (entry: {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly [fact: string]: unknown;
}) => void;

/** What a projection works with. */
export interface ProjectionPorts {
  /** Whose events. */
  readonly namespace: string;
  /** Where events come from, and seats. */
  readonly bus: EventBroadcaster & Seats;
  /** Where documents are kept. */
  readonly views: ViewStore;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Who is told. */
  readonly log: Tell;
}

/** One projection in this process. */
export class ProjectionRunner {
  /** Resolves when it is in line; rejects where it never will be. */
  readonly ready: Promise<void>;
  readonly #projection: AnyProjection;
  readonly #ports: ProjectionPorts;
  readonly #seat: Seat;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  readonly #watchers = new Set<() => void>();
  #retiring: Promise<void> | undefined;
  #position = 0;
  #stuckAt = Infinity;
  #failure: AetherError | undefined;
  #isWoken = false;
  #wake: () => void = () => {};

  /** Takes a seat, and folds whenever it is the active one. */
  constructor(projection: AnyProjection, ports: ProjectionPorts) {
    this.#projection = projection;
    this.#ports = ports;
    this.#seat = ports.bus.seat(ports.namespace, seatOf(projection), {
      lease: projection.lease,
      onChange: () => this.wake(),
      onError: (error) => this.#report("warn", "a seat is in trouble", error),
    });
    this.ready = this.#seat.ready;
    this.ready.catch(() => {});
    this.#running = this.#run();
  }

  /** How it is doing. */
  get status(): ProjectionStatus {
    const failure = this.#failure;
    return {
      active: this.#isActive,
      position: this.#position,
      ...(failure === undefined ? {} : { failure }),
    };
  }

  /** What keeps it from folding as far as `sequence`, where it is the one that folds. */
  failureBefore(sequence: number): AetherError | undefined {
    return this.#isActive && this.#stuckAt <= sequence
      ? this.#failure
      : undefined;
  }

  /** Has it look whether there is more. */
  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /** Calls back when it has got further, or stopped; returns how to stop that. */
  watch(run: () => void): () => void {
    this.#watchers.add(run);
    return () => this.#watchers.delete(run);
  }

  /** Stores how far it has got, where that can be done soon, and leaves the seat to others. */
  async close(): Promise<void> {
    this.#end.abort();
    this.wake();
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#ports.clock.timer(GRACE, resolve);
    const ended = Promise.all([this.#running, this.#retiring]);
    await Promise.race([ended, promise]);
    cancel();
    await this.#seat.close();
  }

  get #isActive(): boolean {
    return this.#seat.term > 0 && !this.#end.signal.aborted;
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    for (let failures = 0; !signal.aborted;) {
      if (this.#seat.failure !== undefined) {
        this.#failed(this.#seat.failure, 0);
        return;
      }
      const { term } = this.#seat;
      if (term === 0) {
        await this.#wait();
        continue;
      }
      try {
        await this.#lead(term, () => failures = 0);
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        if (!(error instanceof Superseded)) this.#failed(error, 0);
        await this.#pause(failures);
      }
    }
  }

  /** Folds until the seat is lost, or all ends. */
  async #lead(term: number, onProgress: () => void): Promise<void> {
    const { bus, clock, namespace, views } = this.#ports;
    const projection = this.#projection;
    const type = onlyType(projection.on);
    const documents = new Documents(projection, views);
    await documents.open();
    this.#advance(documents.position);
    if (this.#failure?.retryable) this.#failure = undefined;
    const { after } = documents;
    if (after !== undefined) await this.#assertSameLog(after);
    const end = await views.end(type);
    const intake = new CommitIntake(
      bus.subscribe(namespace, {
        from: after === undefined ? "beginning" : { after: eventOf(after) },
        ...(type === undefined ? {} : { actorType: type }),
        onError: (error) =>
          this.#report("warn", "reading is in trouble", error),
      }),
      () => this.wake(),
    );
    const folder = new Folder(projection, documents);
    const isLeading = () => this.#isActive && this.#seat.term === term;
    try {
      let savedAt = clock.monotonic();
      while (isLeading()) {
        if (intake.failure !== undefined) throw intake.failure;
        const taken = intake.take(BATCH);
        if (taken !== undefined) {
          await this.#fold(folder, taken, isLeading);
          this.#advance(documents.position);
          onProgress();
          if (documents.position >= end) this.#retire();
          continue;
        }
        const now = clock.monotonic();
        if (!documents.isBehind) savedAt = now;
        else if (now - savedAt >= LAZY) {
          await documents.flush();
          continue;
        }
        if (documents.position >= end) this.#retire();
        await this.#wait(LAZY);
      }
      if (documents.isBehind && this.#seat.term === term) {
        await documents.flush();
      }
    } finally {
      await intake.close();
    }
  }

  /** A log that was made anew has nothing that could follow what was folded. */
  async #assertSameLog({ commitId, sequence }: Mark): Promise<void> {
    if (await this.#ports.views.commitAt(sequence) === commitId) return;
    const { name } = this.#projection;
    throw new CorruptLogError(
      `Cannot go on with projection "${name}" behind commit "${commitId}" as it is not at sequence ${sequence}: the log is not the one that was folded, so raise the projection's version`,
      { details: { projection: name, sequence } },
    );
  }

  /** Folds all of it, however long it takes until it can be folded. */
  async #fold(
    folder: Folder,
    intake: Intake,
    isLeading: () => boolean,
  ): Promise<void> {
    for (let rest = intake, failures = 1;; failures++) {
      try {
        await folder.fold(rest);
        this.#failure = undefined;
        this.#stuckAt = Infinity;
        return;
      } catch (error) {
        if (!(error instanceof Stuck)) throw error;
        const { reason, sequence } = error;
        if (sequence > this.#stuckAt) failures = 1;
        this.#advance(sequence - 1);
        this.#failed(reason, sequence);
        rest = {
          events: rest.events.filter((event) => event.sequence >= sequence),
          position: rest.position,
        };
        await this.#pause(failures);
        if (!isLeading()) return;
      }
    }
  }

  #advance(position: number): void {
    if (position > this.#position) this.#position = position;
    this.#tell();
  }

  #failed(error: unknown, stuckAt: number): void {
    const known = error instanceof AetherError ? error : new CommandFailedError(
      `Cannot fold projection "${this.#projection.name}": ${
        error instanceof Error ? error.message : String(error)
      }`,
      { cause: error },
    );
    this.#failure = known;
    this.#stuckAt = known.retryable ? Infinity : stuckAt;
    this.#report(
      known.retryable ? "warn" : "error",
      "a projection cannot go on",
      known,
    );
    this.#tell();
  }

  #retire(): void {
    this.#retiring ??= retireOlder(
      this.#projection,
      this.#ports,
      this.#end.signal,
    ).catch((error) => {
      this.#retiring = undefined;
      this.#report("warn", "an older version is still there", error);
    });
  }

  #report(
    level: "warn" | "error",
    message: string,
    error: AetherError,
  ): void {
    const { name, version } = this.#projection;
    const { code, details, message: reason } = error;
    this.#ports.log({
      level,
      message,
      ...{ projection: name, version, code, reason, details },
    });
  }

  #tell(): void {
    for (const run of [...this.#watchers]) run();
  }

  /** Waits until there may be something to do, or for so long. */
  async #wait(ms?: number): Promise<void> {
    if (this.#isWoken || this.#end.signal.aborted) {
      this.#isWoken = false;
      return;
    }
    await new Promise<void>((resolve) => {
      const cancel = ms === undefined
        ? () => {}
        : this.#ports.clock.timer(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = () => {};
    this.#isWoken = false;
  }

  /** Waits behind so many failures, whatever happens but the end. */
  #pause(failures: number): Promise<void> {
    const { clock } = this.#ports;
    const { signal } = this.#end;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = () => {
        cancel();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const cancel = clock.timer(
        Math.min(30_000, 100 * 2 ** Math.min(failures - 1, 20)),
        end,
      );
      signal.addEventListener("abort", end, { once: true });
    });
  }
}

/** The durable's name under which a version of a projection has its seat. */
export function seatOf(
  { name, version }: Pick<AnyProjection, "name" | "version">,
): string {
  return deriveDurable("view", `${name} v${version}`);
}

/** An event to go on behind: where it is and which one is all that counts. */
function eventOf(mark: Mark): Event {
  return { ...mark, eventType: "", data: null, timestamp: new Date(0) };
}

/** Milliseconds that what is under way has to end. */
const GRACE = 2_000;
/** Events folded together, about. */
const BATCH = 500;
/** Milliseconds a checkpoint may be late where nothing of interest happens. */
const LAZY = 1_000;
