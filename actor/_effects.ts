/**
 * All that carries out promises on one node: the outbox, the relay of its commits'
 * effects, and the intake of durable commands for its actors.
 */
import { type Clock, ulid } from "../event/mod.ts";
import type { EffectStore, EventStore, InboxPlace } from "../store/mod.ts";
import type { Host } from "./_host.ts";
import { Intake, type IntakeStats } from "./_intake.ts";
import type { Log } from "./log.ts";
import { Outbox } from "./_outbox.ts";
import { recoverInbox } from "./_recovery.ts";
import { Relay } from "./_relay.ts";

/** What promises are carried out with. */
export interface EffectsOptions {
  /** The log, and the inbox. */
  readonly store: EventStore & EffectStore;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Who is told. */
  readonly log: Log;
  /** Failures after which a durable command is parked. */
  readonly failures?: number | undefined;
  /** Whether a shard of a hosted type is this node's. */
  owns(type: string, shard: number): boolean;
}

/** What is known of the promises of a node. */
export interface EffectsStats extends IntakeStats {
  /** Commands, timers and notices carried out, or handed to the inbox. */
  readonly relayed: number;
  /** Those that wait for that. */
  readonly waiting: number;
}

/** Carries out what the commits of a node promise, and what its actors are sent. */
export class Effects {
  /** Sends durable commands. */
  readonly outbox: Outbox;
  /** Carries out what commits promise. */
  readonly relay: Relay;
  readonly #options: EffectsOptions;
  #intake: Intake | undefined;

  /** Carries out nothing yet. */
  constructor(options: EffectsOptions) {
    const { clock, log, store } = options;
    this.#options = options;
    this.outbox = new Outbox({ inbox: store.inbox, clock, log });
    this.relay = new Relay({ ...options, outbox: this.outbox });
  }

  /** What it has done so far. */
  get stats(): EffectsStats {
    const { backlog, relayed } = this.relay;
    return {
      carriedOut: 0,
      rejected: 0,
      parked: 0,
      refused: 0,
      ...this.#intake?.stats,
      relayed,
      waiting: backlog,
    };
  }

  /** Makes sure that what the log promises is in the inbox; before anything else. */
  recover(): Promise<void> {
    return recoverInbox({ ...this.#options, outbox: this.outbox });
  }

  /** Begins where there are no other nodes. */
  async startAlone(host: Host): Promise<void> {
    await this.recover();
    await this.relay.start(ulid());
    await this.relay.sweepAll();
    this.take(host);
  }

  /** Begins to take durable commands for the actors of a host. */
  take(host: Host): void {
    const { clock, failures, log, owns, store: { inbox } } = this.#options;
    this.#intake = new Intake({
      inbox,
      outbox: this.outbox,
      clock,
      log,
      failures,
      owns: (type, shard) => host.definitions.has(type) && owns(type, shard),
      submit: (...args) => host.submit(...args),
    });
    this.#intake.start();
  }

  /** Shards may have come. */
  look(): void {
    this.#intake?.look();
  }

  /** A shard has gone to another node. */
  lost(place: InboxPlace): void {
    this.#intake?.release(place);
  }

  /** Takes nothing more for a shard; resolves when nothing more runs. */
  async release(place: InboxPlace): Promise<void> {
    await this.#intake?.release(place);
  }

  /** Takes nothing more at all. */
  async stop(): Promise<void> {
    await this.#intake?.close();
  }

  /** Ends it, with up to `grace` ms for what is promised. */
  async close(grace: number): Promise<void> {
    await this.relay.drain(grace);
    await this.relay.close();
    this.outbox.close();
  }
}
