/**
 * A node among others: what it takes in, what it sends, and who lives where.
 *
 * A node that stood still for a second (frozen, or its event loop blocked), or
 * that was cut off from NATS, cannot know who wrote meanwhile: it forgets all
 * its actors and loads them anew as they are called. While it is cut off, it
 * answers nothing from memory.
 */
import {
  type CancelTimer,
  type Clock,
  type Subjects,
  subjectsOf,
} from "../event/mod.ts";
import { type Connection, Link } from "../nats/mod.ts";
import type { Call } from "./_call.ts";
import { Deadlines } from "./_deadlines.ts";
import type { Host } from "./_host.ts";
import { Inbound } from "./_inbound.ts";
import type { Log } from "./log.ts";
import { Outbound } from "./_outbound.ts";
import { Placement } from "./_placement.ts";
import type { Elsewhere } from "./_router.ts";

/** What a node among others is made of. */
export interface ClusterOptions {
  /** Its connection. */
  readonly connection: Connection;
  /** Whose actors. */
  readonly namespace: string;
  /** Which nodes belong together. */
  readonly cluster: string;
  /** This node. */
  readonly nodeId: string;
  /** The actors here. */
  readonly host: Host;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Who is told. */
  readonly log: Log;
  /** Gets a call answered wherever its actor lives. */
  ask(call: Call): Promise<unknown>;
}

/** A node among others. */
export class Cluster implements Elsewhere {
  /** Who lives where. */
  readonly placement: Placement;
  readonly #options: ClusterOptions;
  readonly #link: Link;
  readonly #deadlines: Deadlines;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  #leaving = false;
  #lastLook: number;
  #cancelLook: CancelTimer | undefined;
  #stopListening: () => void = () => {};

  /** Takes part in nothing yet. */
  constructor(options: ClusterOptions) {
    const { clock, connection, host, nodeId } = options;
    const subjects: Subjects = subjectsOf(options.namespace);
    const link = new Link(connection);
    this.#options = options;
    this.#link = link;
    this.#lastLook = clock.monotonic();
    this.#deadlines = new Deadlines(clock);
    this.placement = new Placement({
      ...options,
      link,
      types: [...host.definitions.keys()],
      hasCall: (commandId) => this.#inbound.has(commandId),
    });
    this.#inbound = new Inbound({
      connection,
      link,
      subjects,
      host,
      clock,
      nodeId,
      onMessage: () => this.#look(),
      owns: (type, shard) => this.owns(type, shard),
      ask: options.ask,
    });
    this.#outbound = new Outbound({
      link,
      subjects,
      placement: this.placement,
      clock,
      deadlines: this.#deadlines,
      nodeId,
      local: (call) =>
        new Promise((resolve, reject) => host.submit(call, resolve, reject)),
    });
  }

  /** As {@link Elsewhere.owns}. */
  owns(type: string, shard: number): boolean {
    return !this.#leaving && this.#link.connected &&
      this.placement.ownerOf(type, shard) === this.#options.nodeId;
  }

  /** As {@link Elsewhere.ask}. */
  ask(call: Call): Promise<unknown> {
    return this.#outbound.ask(call);
  }

  /** Finds the others, takes requests, and then tells them that it is there. */
  async join(): Promise<void> {
    const { connection } = this.#options;
    await this.placement.join();
    this.placement.onChange = (dead) => this.#changed(dead);
    this.#inbound.follow();
    this.#inbound.openAsks();
    // Whoever hears of this node shall find it listening.
    await connection.flush();
    this.placement.announce();
    await connection.flush();
    this.#tick();
    this.#stopListening = this.#link.onChange(() => {
      if (this.#link.connected) this.#startAnew("it was cut off from NATS");
    });
  }

  /** Tells the others that it goes, and takes no more requests. */
  async leave(): Promise<void> {
    this.#leaving = true;
    this.placement.onChange = () => {};
    this.placement.leave();
    this.#inbound.close();
    await this.#flush();
  }

  /** Gives the calls to other nodes up to `grace` ms to be answered. */
  drain(grace: number): Promise<void> {
    return this.#outbound.drain(grace);
  }

  /** Ends all of it, once what ran has been answered. */
  async close(): Promise<void> {
    this.#inbound.close();
    await this.#flush();
    this.#stopListening();
    this.#cancelLook?.();
    this.#outbound.close();
    this.placement.close();
    this.#deadlines.clear();
    await this.#link.close();
  }

  #changed(dead: string | undefined): void {
    const { host } = this.#options;
    this.#inbound.follow();
    if (dead !== undefined) this.#outbound.gone(dead);
    host.release((type, shard) => this.owns(type, shard));
  }

  #tick(): void {
    this.#look();
    this.#cancelLook = this.#options.clock.timer(LOOK, () => this.#tick());
  }

  // Also before each request, as a timer may come behind what was buffered.
  #look(): void {
    const now = this.#options.clock.monotonic();
    const stoodStill = now - this.#lastLook > STALL;
    this.#lastLook = now;
    if (stoodStill) this.#startAnew("it stood still");
  }

  #startAnew(reason: string): void {
    const { host, log, nodeId } = this.#options;
    if (host.stats.activations > 0) {
      log({
        level: "warn",
        message: "a node forgets its actors, to load them anew",
        node: nodeId,
        reason,
      });
    }
    host.release(() => false);
    this.placement.refresh();
  }

  async #flush(): Promise<void> {
    const { connection } = this.#options;
    if (this.#link.connected) await connection.flush().catch(() => {});
  }
}

const LOOK = 250;
const STALL = 1_000;
