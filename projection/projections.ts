/** The projections of one process: those it runs, and those it only asks. */
import type { Clock } from "../event/mod.ts";
import type { CommitLog, EventBroadcaster, Seats } from "../bus/mod.ts";
import type { Connection } from "../nats/mod.ts";
import { InvalidArgumentError } from "../event/mod.ts";
import { ViewHandle } from "./_handle.ts";
import { MemoryViews } from "./_memory_views.ts";
import { NatsViews } from "./_nats_views.ts";
import { ProjectionRunner, type Tell } from "./_runner.ts";
import type { ViewStore } from "./_views.ts";
import type { AnyProjection, ProjectionDefinition } from "./definition.ts";
import type { ManyViews, OneView } from "./types.ts";

/** What a definition's view is asked by. */
export type ViewOf<Definition> = Definition extends
  ProjectionDefinition<infer View, infer Many>
  ? Many extends true ? ManyViews<View> : OneView<View>
  : never;

/** Where the documents of a process's projections are kept: on a server, or beside a log in this process. */
export type ViewsPlace =
  | {
    readonly connection: Connection;
    readonly provision?: boolean | undefined;
  }
  | { readonly log: CommitLog };

/** What projections work with. */
export interface ProjectionsOptions {
  /** Whose events. */
  readonly namespace: string;
  /** Where the documents are kept. */
  readonly place: ViewsPlace;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Who is told of what is worth telling. */
  readonly tell: Tell;
}

/**
 * Runs projections and answers for them; `Aether` has one of its own.
 *
 * @example Beside a log in this process, without actors
 * ```ts
 * import { defineProjection, Projections } from "@flowmade/aether/projection";
 * import { EventBus } from "@flowmade/aether/bus";
 * import { systemClock } from "@flowmade/aether/event";
 * import { InMemoryEventStore, InMemoryLog } from "@flowmade/aether/store";
 * import assert from "node:assert/strict";
 *
 * const Orders = defineProjection("orders", {
 *   initial: () => 0,
 *   on: { order: { OrderPlaced: (count) => count + 1 } },
 * });
 * const log = new InMemoryLog("shop");
 * await using store = new InMemoryEventStore({ namespace: "shop", log });
 * await using bus = new EventBus({ logs: [log] });
 * await using projections = new Projections({
 *   namespace: "shop",
 *   place: { log },
 *   clock: systemClock,
 *   tell: () => {},
 * });
 * await projections.run([Orders], bus);
 *
 * const receipt = await store.append("order-1", [{ eventType: "OrderPlaced" }]);
 * const orders = projections.of(Orders);
 * await orders.caughtUpTo(receipt);
 * assert.equal(await orders.get(), 1);
 * ```
 */
export class Projections implements AsyncDisposable {
  readonly #options: ProjectionsOptions;
  readonly #views: ViewStore & { close?(): Promise<void> };
  readonly #runners = new Map<AnyProjection, ProjectionRunner>();

  /** Runs none yet. */
  constructor(options: ProjectionsOptions) {
    const { clock, namespace, place } = options;
    this.#options = options;
    this.#views = "log" in place
      ? new MemoryViews(place.log)
      : new NatsViews(place.connection, {
        namespace,
        clock,
        provision: place.provision,
      });
  }

  /**
   * Runs projections in this process: folds those for which no other process does.
   *
   * @returns When each is in line.
   * @throws {InvalidArgumentError} `invalid_argument`: two of one name.
   */
  async run(
    projections: readonly AnyProjection[],
    bus: EventBroadcaster & Seats,
  ): Promise<void> {
    const { clock, namespace, tell } = this.#options;
    const names = new Set<string>();
    for (const { name } of [...this.#runners.keys(), ...projections]) {
      if (names.has(name)) {
        throw new InvalidArgumentError(
          `Cannot run two projections of one name: got ${
            JSON.stringify(name)
          } twice`,
        );
      }
      names.add(name);
    }
    const views = this.#views;
    for (const projection of projections) {
      const ports = { namespace, bus, views, clock, log: tell };
      this.#runners.set(projection, new ProjectionRunner(projection, ports));
    }
    await Promise.all([...this.#runners.values()].map(({ ready }) => ready));
  }

  /** The view of a projection, wherever it is folded. */
  of<Definition extends AnyProjection>(
    definition: Definition,
  ): ViewOf<Definition> {
    const handle = new ViewHandle(
      definition,
      this.#views,
      this.#options.clock,
      this.#runners.get(definition),
    );
    return handle as unknown as ViewOf<Definition>;
  }

  /** Leaves the folding to others; what has been asked is answered. */
  async stop(): Promise<void> {
    const runners = [...this.#runners.values()];
    await Promise.all(runners.map((runner) => runner.close()));
  }

  /** Stops, and answers no more. */
  async close(): Promise<void> {
    await this.stop();
    await this.#views.close?.();
  }

  /** As {@link Projections.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
