/**
 * What happens from now on, across nodes: core NATS subscriptions to what the
 * server republishes, and to notices. Core NATS forgets: while the connection is
 * down, or a server changes hands, messages are lost. So sequences are watched,
 * and every 5 s, and after each reconnect, the end of each namespace's stream is
 * asked of its leader, and after a reconnect what was stored meanwhile: what should
 * have come and has not is told as a gap.
 */
import {
  type AetherError,
  arrivalNamespace,
  type CancelTimer,
  ClosedError,
  CorruptLogError,
  decodeCommitEvents,
  PermissionDeniedError,
  streamNames,
  subjectsOf,
} from "../event/mod.ts";
import type { Arrival } from "./_core_hub.ts";
import { brokenMessage, named } from "./_cursor.ts";
import type { Feed, Item, Monitor } from "./_feed.ts";
import { LiveBuffer } from "./_live_buffer.ts";
import { LiveWatch, type Missed } from "./_live_watch.ts";
import {
  type BusContext,
  busError,
  isPassing,
  lookDeadline,
  pause,
  streamEnd,
} from "./_nats.ts";
import { decodeNotice } from "./_notice.ts";
import type { SubscriptionPlan } from "./_rules.ts";
import { closedEarly } from "./_subscription.ts";
import type { BusEvent } from "./types.ts";

/** A namespace from which something is wanted or has come. */
interface Watched {
  readonly namespace: string;
  readonly stream: string;
  readonly decode: (arrival: Arrival) => BusEvent[];
  watch: LiveWatch;
  /** When its stream was made; absent while that is not known. */
  created: unknown;
  checking: boolean;
}

/** A live feed over core NATS. */
export class NatsLiveFeed implements Feed {
  readonly ready: Promise<void>;
  failure: unknown;
  readonly #plan: SubscriptionPlan;
  readonly #context: BusContext;
  readonly #monitor: Monitor;
  readonly #buffer: LiveBuffer;
  readonly #namespaces = new Map<string, Watched>();
  readonly #stops: (() => void)[] = [];
  readonly #end = new AbortController();
  readonly #stopChanges: () => void;
  #cancelCheck: CancelTimer = () => {};

  constructor(plan: SubscriptionPlan, context: BusContext, monitor: Monitor) {
    this.#plan = plan;
    this.#context = context;
    this.#monitor = monitor;
    this.#buffer = new LiveBuffer(plan.buffer, monitor);
    this.#stopChanges = context.link.onChange(() => this.#onChange());
    this.ready = this.#start();
    this.ready.catch((error) => this.#fail(error));
  }

  get ended(): boolean {
    return this.#end.signal.aborted || this.failure !== undefined;
  }

  get waiting(): number {
    return this.#buffer.waiting;
  }

  take(): Item | undefined {
    return this.#buffer.take();
  }

  async wait(): Promise<void> {
    if (!this.ended) await this.#buffer.signal.wait();
  }

  close(): Promise<void> {
    this.#stop();
    this.#buffer.clear();
    this.#buffer.signal.raise();
    return Promise.resolve();
  }

  async #start(): Promise<void> {
    const { filter, notices, pattern } = this.#plan;
    for (const subject of filter.arrivals("bus", pattern)) {
      this.#listen(subject, (arrival) => this.#stored(arrival));
    }
    if (notices) {
      for (const subject of filter.arrivals("note", pattern)) {
        this.#listen(subject, (arrival) => this.#notice(arrival));
      }
    }
    await this.#flushed();
    if (!this.#plan.isPattern) await this.#begin(this.#watched(pattern));
    this.#armCheck();
    if (this.failure !== undefined) throw this.failure;
    if (this.ended) throw closedEarly(pattern);
  }

  /** Learns where the stream ends, for as long as it takes. */
  async #begin(watched: Watched): Promise<void> {
    const { signal } = this.#end;
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        const { filter } = this.#plan;
        const end = await streamEnd(
          this.#context,
          watched.namespace,
          filter,
          lookDeadline(this.#context, signal),
        );
        watched.created = end.created;
        watched.watch.startedAt(end.sequence);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const known = busError(
          error,
          `Cannot see where "${watched.namespace}" ends`,
        );
        if (!isPassing(known)) throw known;
        this.#monitor.report(known);
        await pause(this.#context.clock, 500, signal);
      }
    }
  }

  // All that was sent before by the server we are connected to has been read.
  async #flushed(): Promise<void> {
    const { clock, link } = this.#context;
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        await link.ready(60_000, signal);
        await link.connection.flush();
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (link.connection.isClosed()) {
          throw busError(error, `Cannot subscribe to "${this.#plan.pattern}"`);
        }
        await pause(clock, 50, signal);
      }
    }
  }

  #listen(subject: string, take: (arrival: Arrival) => void): void {
    const action = `Cannot subscribe to "${this.#plan.pattern}"`;
    const closed = (cause: unknown) =>
      new ClosedError(`${action} as the connection to NATS is closed`, {
        cause,
      });
    try {
      this.#stops.push(this.#context.hub.listen(subject, {
        take,
        fail: (cause) =>
          this.#fail(
            cause.name === "PermissionViolationError"
              ? new PermissionDeniedError(
                `${action} as this NATS user may not subscribe to ${subject}: ` +
                  "allow it in the server's configuration",
                { cause },
              )
              : closed(cause),
          ),
      }));
    } catch (cause) {
      throw closed(cause);
    }
  }

  #stored(arrival: Arrival): void {
    const { headers, subject } = arrival;
    const sequence = Number(headers.added("Nats-Sequence"));
    let watched: Watched;
    try {
      watched = this.#watched(
        this.#plan.isPattern ? arrivalNamespace(subject) : this.#plan.pattern,
      );
      if (
        !Number.isSafeInteger(sequence) || sequence < 1 ||
        headers.added("Nats-Stream") !== watched.stream
      ) {
        throw new CorruptLogError(
          `it was not republished by ${watched.stream}`,
        );
      }
    } catch (cause) {
      return this.#monitor.refuse(brokenMessage({ subject, sequence }, cause));
    }
    const previous = this.#plan.filter.isNarrow
      ? Number(headers.added("Nats-Last-Sequence"))
      : 0;
    const { late, missed } = watched.watch.arrived(
      sequence,
      previous,
      subject,
    );
    if (late) {
      this.#monitor.late++;
      return;
    }
    if (missed !== undefined) this.#tell(watched.namespace, missed);
    arrival.sequence = sequence;
    try {
      this.#put(arrival.events(watched.decode), arrival.size);
    } catch (cause) {
      this.#monitor.refuse(brokenMessage(arrival, cause));
    }
  }

  #notice(arrival: Arrival): void {
    try {
      const events = arrival.events(() => {
        const namespace = this.#plan.isPattern
          ? arrivalNamespace(arrival.subject)
          : this.#plan.pattern;
        return decodeNotice(this.#context.codec, namespace, arrival);
      });
      this.#put(events, arrival.size);
    } catch (cause) {
      this.#monitor.refuse(brokenMessage(arrival, cause));
    }
  }

  #put(events: readonly BusEvent[], bytes: number): void {
    for (const event of events) {
      if (this.#plan.filter.wants(event, this.#monitor.report)) {
        this.#buffer.push(event, bytes / events.length);
      } else this.#monitor.filtered++;
    }
  }

  #watched(namespace: string): Watched {
    let watched = this.#namespaces.get(namespace);
    if (watched === undefined) {
      const { codec } = this.#context;
      const { bus } = subjectsOf(namespace);
      watched = {
        namespace,
        stream: streamNames(namespace).events,
        decode: (arrival) =>
          named(decodeCommitEvents(codec, arrival, bus).events, namespace),
        watch: new LiveWatch(this.#plan.filter.isNarrow),
        created: undefined,
        checking: false,
      };
      this.#namespaces.set(namespace, watched);
    }
    return watched;
  }

  #tell(namespace: string, missed: Missed): void {
    const { from, to } = missed;
    this.#buffer.pushGap({
      kind: "gap",
      namespace,
      reason: "missed",
      from,
      to,
      dropped: 0,
    });
  }

  #onChange(): void {
    const { link } = this.#context;
    for (const { watch } of this.#namespaces.values()) {
      if (link.connected) watch.back();
      else watch.broke();
    }
    if (link.connected) this.#checkAll();
    else if (link.connection.isClosed()) {
      this.#fail(
        new ClosedError(
          `Cannot go on with the subscription to "${this.#plan.pattern}" as the connection to NATS is closed`,
        ),
      );
    }
  }

  #armCheck(): void {
    if (this.ended) return;
    this.#cancelCheck = this.#context.clock.timer(CHECK, () => {
      this.#checkAll();
      this.#armCheck();
    });
  }

  #checkAll(): void {
    if (this.ended || !this.#context.link.connected) return;
    for (const watched of this.#namespaces.values()) void this.#check(watched);
  }

  async #check(watched: Watched): Promise<void> {
    if (watched.checking) return;
    watched.checking = true;
    try {
      const { signal } = this.#end;
      const { created, sequence } = await streamEnd(
        this.#context,
        watched.namespace,
        this.#plan.filter,
        lookDeadline(this.#context, signal),
      );
      if (created === undefined) return;
      if (watched.created !== undefined && watched.created !== created) {
        // Deleted and made again: its sequences start anew.
        watched.watch = new LiveWatch(this.#plan.filter.isNarrow);
        watched.watch.startedAt(0);
      }
      watched.created = created;
      await this.#lookBack(watched);
      if (!watched.watch.isBehind(sequence)) return;
      await this.#flushed();
      if (watched.watch.isBehind(sequence)) {
        // Answers and events take different ways through a cluster.
        await pause(this.#context.clock, GRACE, signal);
        await this.#flushed();
      }
      if (this.ended) return;
      const missed = watched.watch.endedAt(sequence);
      if (missed === undefined) return;
      this.#monitor.restarts++;
      this.#tell(watched.namespace, missed);
    } catch (error) {
      if (this.ended) return;
      this.#monitor.report(
        busError(error, `Cannot see where "${watched.namespace}" ends`),
      );
    } finally {
      watched.checking = false;
    }
  }

  /** Finds what was lost while the connection was broken, where nothing else tells. */
  async #lookBack({ namespace, stream, watch }: Watched): Promise<void> {
    const { doubt } = watch;
    if (doubt === undefined) return;
    const { api } = this.#context;
    const deadline = lookDeadline(this.#context, this.#end.signal);
    const filter = this.#plan.filter.stored(namespace);
    let missed: Missed | undefined;
    let next = doubt.from;
    for (let looks = 0; next <= doubt.to; looks++) {
      const found = await api.next(stream, next, filter, deadline);
      if (found === undefined || found.sequence > doubt.to) break;
      const { sequence } = found;
      if (looks === LOOKS) {
        missed = { from: missed?.from ?? sequence, to: doubt.to };
        break;
      }
      if (!watch.has(sequence)) {
        missed = { from: missed?.from ?? sequence, to: sequence };
      }
      next = sequence + 1;
    }
    if (this.ended) return;
    watch.settled(doubt);
    if (missed === undefined) return;
    this.#monitor.restarts++;
    this.#tell(namespace, missed);
  }

  #fail(error: AetherError): void {
    if (this.ended) return;
    this.failure = error;
    this.#stop();
    this.#buffer.signal.raise();
  }

  #stop(): void {
    this.#end.abort();
    this.#stopChanges();
    this.#cancelCheck();
    for (const stop of this.#stops.splice(0)) stop();
  }
}

const CHECK = 5_000;
const GRACE = 500;
/** Messages looked at one by one, before all that may be missing is told as one gap. */
const LOOKS = 64;
