/** What a system runs beside its actors: policies and projections. */
import { InvalidArgumentError } from "../event/mod.ts";
import type { Connection } from "../nats/mod.ts";
import { type EventStore, InMemoryEventStore } from "../store/mod.ts";
import type { EventBroadcaster, Seats } from "../bus/mod.ts";
import {
  type AnyProjection,
  Projections,
  type ViewOf,
  type ViewsPlace,
} from "../projection/mod.ts";
import type { Own } from "./aether.ts";
import type { Outbox } from "./_outbox.ts";
import { Policies } from "./_policies.ts";

/** What the parts are opened with. */
export interface PartsPorts {
  /** The connection for reading; undefined where everything runs in this process. */
  readonly connection: Connection | undefined;
  /** Where the events live. */
  readonly store: EventStore;
  /** Where they are read; undefined where the log of the store is not known. */
  readonly bus: (EventBroadcaster & Seats) | undefined;
  /** Where commands are sent; undefined where the store has no inbox. */
  readonly outbox: Outbox | undefined;
}

/** Policies and projections of a system. */
export class Parts {
  readonly #own: Own;
  readonly #ports: PartsPorts;
  #policies: Policies | undefined;
  #projections: Projections | undefined;

  /** Opens nothing until it is needed. */
  constructor(own: Own, ports: PartsPorts) {
    this.#own = own;
    this.#ports = ports;
  }

  /** Starts what a node runs; a client runs nothing. */
  async start(): Promise<void> {
    const { actors, log, namespace, policies = [], projections = [] } =
      this.#own;
    if (actors.length === 0 || policies.length + projections.length === 0) {
      return;
    }
    const { bus, outbox } = this.#ports;
    if (bus === undefined) throw noLog();
    if (projections.length > 0) await this.#views.run(projections, bus);
    if (policies.length === 0) return;
    if (outbox === undefined) {
      throw new InvalidArgumentError(
        "Cannot run policies over a store that has no inbox, as what they send goes there",
      );
    }
    this.#policies = new Policies(policies, { namespace, bus, outbox, log });
    await this.#policies.ready();
  }

  /** The view of a projection. */
  projection<Definition extends AnyProjection>(
    definition: Definition,
  ): ViewOf<Definition> {
    return this.#views.of(definition);
  }

  /** Leaves policies and projections to other nodes. */
  async stop(): Promise<void> {
    await Promise.all([this.#policies?.close(), this.#projections?.stop()]);
  }

  /** Closes all it opened. */
  async close(): Promise<void> {
    await this.stop();
    await this.#projections?.close();
  }

  get #views(): Projections {
    const { clock, log, namespace } = this.#own;
    const place = this.#place;
    return this.#projections ??= new Projections({
      ...{ namespace, place, clock, tell: log },
    });
  }

  get #place(): ViewsPlace {
    const { connection, store } = this.#ports;
    const { provision } = this.#own;
    if (connection !== undefined) return { connection, provision };
    if (store instanceof InMemoryEventStore) return { log: store.log };
    throw noLog();
  }
}

function noLog(): InvalidArgumentError {
  return new InvalidArgumentError(
    "Cannot run policies or projections over a store that is neither on NATS nor an InMemoryEventStore, as they read its log",
  );
}
