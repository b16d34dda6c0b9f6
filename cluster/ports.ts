/**
 * What the cluster needs of the world: a control log in which writes are
 * compared and set, messages between nodes, time and chance. The protocol above
 * does no I/O of its own, so that a simulated world can run it by the thousand.
 */
import type { Clock } from "../event/mod.ts";

/** A message of the control log, as its stream's leader has it. */
export interface ControlMessage {
  /** Such as `leader`, `nodes.a` or `ctl.shards.bank.account`. */
  readonly key: string;
  /** Its place in the log; grows with every write of any key. */
  readonly sequence: number;
  /** JSON; empty where the value has expired. */
  readonly body: string;
  /** When it was stored by the server's clock, milliseconds since 1970; if that is known. */
  readonly at?: number;
}

/** A write that is stored only where the log is as expected. */
export interface ControlWrite {
  /** Where to. */
  readonly key: string;
  /** JSON. */
  readonly body: string;
  /** Whether it marks the key as removed, for whoever else reads the log. */
  readonly removes: boolean;
  /** Sequence of the last message of `boundary`; 0 for none. */
  readonly expected: number;
  /** A key, or several by `>` at the end. */
  readonly boundary: string;
  /** Milliseconds after which the server removes it; whole seconds. */
  readonly ttl?: number | undefined;
}

/** What the server said to a write. `refused` is not believed until looked at. */
export type ControlAnswer =
  | { readonly kind: "stored"; readonly sequence: number }
  | { readonly kind: "refused" };

/**
 * A log of small messages of which the last one of each key counts. Requests
 * reject with a `Fault` where nothing, or not enough, is known.
 */
export interface ControlLog {
  /** Asks for one write, once. */
  publish(write: ControlWrite, timeout: number): Promise<ControlAnswer>;
  /** The last message of a key or filter, from the leader. */
  last(filter: string, timeout: number): Promise<ControlMessage | undefined>;
  /** The first message of a filter from a sequence on, from the leader. */
  next(
    from: number,
    filter: string,
    timeout: number,
  ): Promise<ControlMessage | undefined>;
  /** Calls back with what is stored from now on, best effort; returns how to stop. */
  watch(
    filter: string,
    onMessage: (message: ControlMessage) => void,
  ): () => void;
}

/** Messages between the nodes of one cluster: JSON values, delivered at most once. */
export interface Messenger {
  /** Whether this node is connected, as far as it knows. */
  readonly connected: boolean;
  /** The servers this node is connected to, each once. */
  readonly servers: readonly string[];
  /** Calls back at each change between connected and not; returns how to stop. */
  onChange(run: () => void): () => void;
  /**
   * Asks whoever listens on a topic.
   *
   * @throws {Fault} `no_responders`, `timeout`, `disconnected` or `closed`.
   */
  request(topic: string, body: unknown, timeout: number): Promise<unknown>;
  /** Tells whoever listens on a topic; nobody knows whether anybody did. */
  publish(topic: string, body: unknown): void;
  /**
   * Listens on a topic; what the handler returns is the answer, `undefined` none.
   *
   * @returns How to stop.
   */
  subscribe(topic: string, answer: (body: unknown) => unknown): () => void;
}

/** The world as one node of a cluster sees it. */
export interface ClusterPorts {
  /** Where time comes from. */
  readonly clock: Clock;
  /** The control log of the cluster. */
  readonly control: ControlLog;
  /** Messages to its other nodes. */
  readonly messenger: Messenger;
  /** A number from 0 up to 1. */
  random(): number;
  /** An id that nobody else ever made. */
  newId(): string;
}
