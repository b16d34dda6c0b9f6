/**
 * Who of several processes is the active reader of a durable subscription.
 *
 * One message says both who it is and how far it got. Each write of it carries
 * the revision of the one before, so there is one line of writes: whoever takes
 * over writes first, and from then on what the former one writes is refused,
 * checkpoint and all. That alone keeps the order; the rest is about time.
 *
 * The active one writes at least three times a lease, and stops to deliver when
 * it could not for a whole lease, by its own monotonic clock. Another one takes
 * over when it has seen the same revision for a lease, without a failed look in
 * between (a server without a leader answers nobody); at once when the message
 * says that the seat is free; and soon when the server says, twice, that nobody
 * listens any more where the active one does: its process is gone.
 *
 * Failure walk-throughs. *The active one is frozen*: others take over after the
 * lease; when it wakes, its write is refused and it gets back into line; what its
 * handler does meanwhile is done twice, never out of order after that. *It is cut
 * off*: the same, and it stops by itself a lease after its last write. *The answer
 * to a write is lost*: the same write is sent again; refused, the message is read:
 * if it is ours, it was stored.
 */
import { type CancelTimer, CorruptLogError, ulid } from "../event/mod.ts";
import { Deadline, isFault, mayAnswer } from "../nats/mod.ts";
import type { Place } from "./_cursor.ts";
import type { Monitor } from "./_feed.ts";
import {
  type BusContext,
  busError,
  isPassing,
  lookDeadline,
  pause,
} from "./_nats.ts";
import { type Kept, type NatsDurable, STATE } from "./_nats_durable.ts";
import { Signal } from "./_signal.ts";
import type { DurableSeat } from "./_single.ts";
import { closedEarly } from "./_subscription.ts";

interface State {
  /** The active one; empty where the seat is free. */
  readonly holder: string;
  /** Makes each write another one. */
  readonly beat: number;
  readonly place: Place | null;
}

/** Whether something that was found says who is the active one, and how far it got. */
export function isState(value: unknown): value is State {
  const { holder, place } = (value ?? {}) as Record<string, unknown>;
  // The holder's name is a token of the subject it is asked on.
  return typeof holder === "string" && /^[0-9A-Z]{0,26}$/.test(holder) &&
    (place === null || isPlace(place));
}

function isPlace(value: unknown): value is Place {
  const { commitId, events, sequence } = (value ?? {}) as Record<
    string,
    unknown
  >;
  return [sequence, events].every((n) =>
    Number.isSafeInteger(n) && (n as number) >= 0
  ) && (commitId === undefined || typeof commitId === "string");
}

/** A seat in a line that runs through several processes. */
export class NatsSeat implements DurableSeat {
  readonly ready: Promise<void>;
  term = 0;
  woken = 0;
  checkpoint: Place | undefined;
  failure: unknown;
  readonly #durable: NatsDurable;
  readonly #context: BusContext;
  readonly #lease: number;
  readonly #monitor: Monitor;
  readonly #onChange: () => void;
  readonly #me = ulid();
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  readonly #signal = new Signal();
  readonly #stops: (() => void)[] = [];
  #terms = 0;
  #beat = 0;
  #revision = 0;
  #place: Place | undefined;
  #saved: Place | undefined;
  #cancelLease: CancelTimer = () => {};
  #connectedAt: number;
  /** What was seen last while waiting, and since when. */
  #seen: { revision: number; since: number } | undefined;

  constructor(
    durable: NatsDurable,
    context: BusContext,
    lease: number,
    monitor: Monitor,
    onChange: () => void,
  ) {
    this.#durable = durable;
    this.#context = context;
    this.#lease = lease;
    this.#monitor = monitor;
    this.#onChange = onChange;
    this.#connectedAt = context.clock.monotonic();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    promise.catch(() => {});
    this.#running = this.#run(resolve).then(
      () => reject(closedEarly(durable.namespace)),
      (error) => {
        this.failure = error;
        reject(error);
        this.#setTerm(0);
      },
    ).finally(() => {
      this.#cancelLease();
      for (const stop of this.#stops) stop();
    });
  }

  save(place: Place): void {
    const last = this.#place;
    if (last?.sequence === place.sequence && last.events === place.events) {
      return;
    }
    this.#place = place;
    this.#signal.raise();
  }

  async close(): Promise<void> {
    this.#end.abort();
    this.#signal.raise();
    await this.#running;
  }

  async #run(onReady: () => void): Promise<void> {
    const { clock } = this.#context;
    const { signal } = this.#end;
    let listening = false;
    while (!signal.aborted) {
      try {
        if (!listening) {
          await this.#durable.provision(lookDeadline(this.#context, signal));
          this.#listen();
          listening = true;
        }
        const isTaken = await this.#tryToTake();
        onReady();
        if (isTaken) await this.#hold();
        else await this.#waitInLine();
      } catch (error) {
        if (signal.aborted) break;
        this.#seen = undefined;
        const known = busError(
          error,
          `Cannot share "${this.#durable.name}" of "${this.#durable.namespace}"`,
        );
        if (!isPassing(known) || "missing" in known.details) throw known;
        this.#monitor.report(known);
        await pause(clock, 500, signal);
      }
    }
  }

  #listen(): void {
    const { clock, link } = this.#context;
    const { name, subjects } = this.#durable;
    this.#stops.push(this.#durable.onWake(() => {
      this.woken++;
      this.#signal.raise();
      this.#onChange();
    }));
    const probe = link.connection.subscribe(subjects.wake(name, this.#me), {
      callback: (error, msg) => {
        if (error === null && mayAnswer(msg.reply)) msg.respond();
      },
    });
    this.#stops.push(() => {
      if (!link.connection.isClosed()) probe.unsubscribe();
    });
    this.#stops.push(link.onChange(() => {
      this.#seen = undefined;
      if (link.connected) this.#connectedAt = clock.monotonic();
    }));
  }

  /** Looks who has the seat, and takes it where it may. */
  async #tryToTake(): Promise<boolean> {
    const deadline = lookDeadline(this.#context, this.#end.signal);
    const found = await this.#durable.read(STATE, deadline);
    const state = this.#stateOf(found);
    if (found !== undefined && state !== undefined) {
      const mayTake = state.holder === "" || state.holder === this.#me ||
        this.#isSilent(found.revision) || await this.#isGone(state.holder);
      if (!mayTake) return false;
    }
    const place = state?.place ?? null;
    const started = this.#context.clock.monotonic();
    const written = await this.#write(
      { holder: this.#me, beat: ++this.#beat, place },
      found?.revision ?? 0,
      deadline,
    );
    if (written === undefined) return false;
    this.#revision = written;
    this.#place = this.#saved = this.checkpoint = place ?? undefined;
    this.#renewed(started);
    if (!this.#end.signal.aborted) this.#setTerm(++this.#terms);
    return true;
  }

  /** What is said by what was found; nothing is, once it was removed. */
  #stateOf(found: Kept | undefined): State | undefined {
    if (found?.value === undefined) return undefined;
    if (isState(found.value)) return found.value;
    const { name, namespace } = this.#durable;
    throw new CorruptLogError(
      `Cannot go on with "${name}" of "${namespace}" as ${found.subject} does not say how far it got: forget the durable, or restore what is kept there`,
      { details: { subject: found.subject, sequence: found.revision } },
    );
  }

  #isSilent(revision: number): boolean {
    const now = this.#context.clock.monotonic();
    if (this.#seen?.revision !== revision) {
      this.#seen = { revision, since: now };
      return false;
    }
    return now - this.#seen.since >= this.#lease;
  }

  /** Asks twice: somebody who reconnects is not gone. */
  async #isGone(holder: string): Promise<boolean> {
    const { clock, link } = this.#context;
    if (clock.monotonic() - this.#connectedAt < SETTLED) return false;
    const { name, subjects } = this.#durable;
    for (let asked = 0; asked < 2; asked++) {
      if (asked > 0) await pause(clock, 200, this.#end.signal);
      try {
        await link.request(subjects.wake(name, holder), "", { timeout: 1_000 });
        return false;
      } catch (error) {
        if (!isFault(error, "no_responders")) return false;
      }
    }
    return true;
  }

  async #waitInLine(): Promise<void> {
    const wait = Math.min(1_000, this.#lease / 3);
    await Promise.race([
      pause(this.#context.clock, wait, this.#end.signal),
      this.#signal.wait(),
    ]);
  }

  /** Writes the checkpoint, and that it lives, until the seat is lost or given up. */
  async #hold(): Promise<void> {
    const { clock } = this.#context;
    const { signal } = this.#end;
    try {
      for (;;) {
        const due = clock.monotonic() + this.#lease / 3;
        await pause(clock, WRITES, signal);
        while (
          !signal.aborted && this.#place === this.#saved &&
          clock.monotonic() < due
        ) {
          const rest = Math.max(1, due - clock.monotonic());
          await Promise.race([pause(clock, rest, signal), this.#signal.wait()]);
        }
        const leaving = signal.aborted;
        const place = this.#place;
        const started = clock.monotonic();
        const state: State = {
          holder: leaving ? "" : this.#me,
          beat: ++this.#beat,
          place: place ?? null,
        };
        const time = leaving ? 2_000 : this.#lease;
        const deadline = new Deadline(clock, time);
        const written = await this.#write(state, this.#revision, deadline);
        if (written === undefined || leaving) break;
        this.#revision = written;
        this.#saved = place;
        this.#renewed(started);
        if (this.term === 0) return; // the lease ran out on the way
      }
      if (signal.aborted) this.#durable.wake();
    } catch (error) {
      // Leaving without a word: others will notice.
      if (!signal.aborted) throw error;
    } finally {
      this.#setTerm(0);
      this.#seen = undefined;
    }
  }

  #write(
    state: State,
    expected: number,
    deadline: Deadline,
  ): Promise<number | undefined> {
    return this.#durable.write(STATE, state, expected, deadline);
  }

  #renewed(started: number): void {
    const { clock } = this.#context;
    this.#cancelLease();
    const left = Math.max(0, started + this.#lease - clock.monotonic());
    this.#cancelLease = clock.timer(left, () => this.#setTerm(0));
  }

  #setTerm(term: number): void {
    if (term === 0) this.#cancelLease();
    if (this.term === term && term !== 0) return;
    this.term = term;
    this.#onChange();
  }
}

/** Milliseconds between two writes of the checkpoint, at least. */
const WRITES = 50;
/** Milliseconds behind a reconnect before "nobody listens" means anything. */
const SETTLED = 2_000;
