/** A node among others: what it takes in, what it sends, and who lives where. */
import { type Clock, type Subjects, subjectsOf } from "../event/mod.ts";
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

  /** Takes part in nothing yet. */
  constructor(options: ClusterOptions) {
    const { clock, connection, host, nodeId } = options;
    const subjects: Subjects = subjectsOf(options.namespace);
    const link = new Link(connection);
    this.#options = options;
    this.#link = link;
    this.#deadlines = new Deadlines(clock);
    this.placement = new Placement({
      ...options,
      link,
      types: [...host.definitions.keys()],
    });
    this.#inbound = new Inbound({
      connection,
      link,
      subjects,
      host,
      clock,
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
    return !this.#leaving &&
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
  }

  /** Tells the others that it goes, and takes no more requests. */
  async leave(): Promise<void> {
    this.#leaving = true;
    this.placement.onChange = () => {};
    this.placement.leave();
    this.#inbound.close();
    await this.#flush();
  }

  /** Ends all of it, once what ran has been answered. */
  async close(): Promise<void> {
    await this.#flush();
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

  async #flush(): Promise<void> {
    const { connection } = this.#options;
    if (this.#link.connected) await connection.flush().catch(() => {});
  }
}
