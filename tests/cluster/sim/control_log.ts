/**
 * The control log of a simulated cluster, as a nats-server keeps it: one order
 * for all keys, of each key only the last message, expectations checked against
 * the last sequence of a boundary, and a marker in the place of what has expired.
 */
import type {
  ControlAnswer,
  ControlLog,
  ControlMessage,
  ControlWrite,
} from "../../../cluster/mod.ts";
import { Fault } from "../../../nats/mod.ts";
import type { SimProcess } from "./process.ts";
import type { SimWorld } from "./world.ts";

interface Stored extends ControlMessage {
  /** Unlike that of any other message. */
  readonly body: string;
}

/** What a server has of the log. */
class Copy {
  readonly messages = new Map<string, Stored>();
  sequence = 0;

  last(filter: string): Stored | undefined {
    let found: Stored | undefined;
    for (const message of this.messages.values()) {
      if (!matches(filter, message.key)) continue;
      if (found === undefined || message.sequence > found.sequence) {
        found = message;
      }
    }
    return found;
  }

  next(from: number, filter: string): Stored | undefined {
    let found: Stored | undefined;
    for (const message of this.messages.values()) {
      if (message.sequence < from || !matches(filter, message.key)) continue;
      if (found === undefined || message.sequence < found.sequence) {
        found = message;
      }
    }
    return found;
  }

  clone(): Copy {
    const copy = new Copy();
    copy.sequence = this.sequence;
    for (const [key, message] of this.messages) copy.messages.set(key, message);
    return copy;
  }
}

interface Watcher {
  readonly process: SimProcess;
  readonly filter: string;
  readonly onMessage: (message: ControlMessage) => void;
}

/** The control log, on the servers. */
export class SimControl {
  /** Called for each write that was stored, and by whom. */
  onStored: (
    message: ControlMessage,
    by: SimProcess,
    before: ControlMessage | undefined,
    removes: boolean,
  ) => void = () => {};
  /** Whether control writes are stored whatever they expect, to see that found out. */
  isLax = false;
  /** Writes that were refused. */
  refused = 0;
  readonly #world: SimWorld;
  readonly #copy = new Copy();
  /** What a server that led the log and was frozen has. */
  #old: Copy | undefined;
  /** Until when that server answers as if it led. */
  #oldAnswersUntil = -Infinity;
  readonly #watchers = new Set<Watcher>();

  constructor(world: SimWorld) {
    this.#world = world;
  }

  /** The log as one process uses it. */
  for(process: SimProcess): ControlLog {
    return {
      publish: (write, timeout) => this.#publish(process, write, timeout),
      last: (filter, timeout) =>
        this.#read(process, timeout, (copy) => copy.last(filter)),
      next: (from, filter, timeout) =>
        this.#read(process, timeout, (copy) => copy.next(from, filter)),
      watch: (filter, onMessage) => this.#watch(process, filter, onMessage),
    };
  }

  /** What is stored now. */
  last(filter: string): ControlMessage | undefined {
    return this.#copy.last(filter);
  }

  /** The server that leads the log is frozen: what it has gets old. */
  freezeServer(): void {
    this.#old = this.#copy.clone();
  }

  /** It wakes up, and does not know yet that another one leads. */
  wakeServer(ms: number): void {
    this.#oldAnswersUntil = this.#world.scheduler.now + ms;
  }

  #publish(
    process: SimProcess,
    write: ControlWrite,
    timeout: number,
  ): Promise<ControlAnswer> {
    const { dice, noise } = this.#world;
    const promise = process.expect<ControlAnswer>(
      `$KV.${write.key}`,
      timeout,
      (settle, fail) => {
        this.#world.request(process, fail, () => {
          const answer = this.#apply(process, write);
          if (answer === "silence" || dice.chance(noise.lostAcks)) return;
          this.#world.scheduler.after(
            this.#world.delay(),
            () => settle(answer),
          );
        });
      },
    );
    this.#world.onSent(process, write.key);
    return promise;
  }

  #read(
    process: SimProcess,
    timeout: number,
    look: (copy: Copy) => Stored | undefined,
  ): Promise<ControlMessage | undefined> {
    return process.expect("$JS.API.STREAM.MSG.GET", timeout, (settle, fail) => {
      this.#world.request(process, fail, () => {
        const found = look(this.#oldAnswers() ?? this.#copy);
        const copy = found === undefined ? undefined : { ...found };
        this.#world.scheduler.after(this.#world.delay(), () => settle(copy));
      });
    });
  }

  /** The frozen server's copy, where it is the one that answers this time. */
  #oldAnswers(): Copy | undefined {
    const { dice, scheduler } = this.#world;
    return scheduler.now < this.#oldAnswersUntil && dice.chance(0.5)
      ? this.#old
      : undefined;
  }

  #apply(by: SimProcess, write: ControlWrite): ControlAnswer | "silence" {
    const { body, boundary, expected, key, removes, ttl } = write;
    const old = this.#oldAnswers();
    if (old !== undefined) {
      // It refuses on its own; to store it would need the others.
      return (old.last(boundary)?.sequence ?? 0) === expected
        ? "silence"
        : { kind: "refused" };
    }
    const isLax = this.isLax && key.startsWith("ctl.");
    if (!isLax && (this.#copy.last(boundary)?.sequence ?? 0) !== expected) {
      this.refused++;
      this.#world.trace.add(by.name, `is refused ${key} after ${expected}`);
      return { kind: "refused" };
    }
    const before = this.#copy.messages.get(key);
    const message = this.#store(key, body);
    this.onStored(message, by, before, removes);
    if (ttl !== undefined) this.#expire(message, Math.ceil(ttl / 1_000) * 1e3);
    return { kind: "stored", sequence: message.sequence };
  }

  #store(key: string, body: string): Stored {
    const message: Stored = { key, body, sequence: ++this.#copy.sequence };
    this.#copy.messages.set(key, message);
    for (const watcher of this.#watchers) this.#notify(watcher, message);
    return message;
  }

  /** The server sweeps what has expired, and leaves a marker, for a minute. */
  #expire(message: Stored, ttl: number): void {
    const { dice, scheduler, trace } = this.#world;
    const { key } = message;
    scheduler.after(ttl + dice.between(0, 250), () => {
      if (this.#copy.messages.get(key) !== message) return;
      // Only a leader sweeps.
      if (this.#world.logServer === undefined) return this.#expire(message, 0);
      trace.add("log", `${key} has expired`);
      const marker = this.#store(key, "");
      scheduler.after(MARKER, () => {
        if (this.#copy.messages.get(key) === marker) {
          this.#copy.messages.delete(key);
        }
      });
    });
  }

  #watch(
    process: SimProcess,
    filter: string,
    onMessage: (message: ControlMessage) => void,
  ): () => void {
    process.calls++;
    const watcher: Watcher = { process, filter, onMessage };
    this.#watchers.add(watcher);
    const stop = () => this.#watchers.delete(watcher);
    process.onEnd(stop);
    return stop;
  }

  #notify({ filter, onMessage, process }: Watcher, message: Stored): void {
    if (!matches(filter, message.key)) return;
    const { dice, noise, scheduler } = this.#world;
    const link = process.connections[0]!;
    const { life } = link;
    const times = dice.chance(noise.duplicates) ? 2 : 1;
    for (let i = 0; i < times; i++) {
      if (dice.chance(noise.lostNotes)) continue;
      scheduler.after(this.#world.delay() + this.#world.delay(), () => {
        if (!link.up || link.life !== life || process.isIsolated) return;
        if (!this.#world.isReachable(link.server)) return;
        process.enter(() => onMessage({ ...message }));
      });
    }
  }
}

/** Whether a filter, exact or with `>` at its end, matches a key. */
export function matches(filter: string, key: string): boolean {
  if (filter === key) return true;
  const end = filter.length - 1;
  return filter[end] === ">" && key.startsWith(filter.slice(0, end));
}

/** The error of a server that knows no leader of the log. */
export function noLeader(): Fault {
  return new Fault("no_responders", "$JS.API", true);
}

/** Milliseconds a marker stands. */
const MARKER = 60_000;
