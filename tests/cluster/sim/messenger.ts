/** Messages between simulated processes, over simulated servers. */
import { Fault } from "../../../nats/mod.ts";
import type { Messenger } from "../../../cluster/mod.ts";
import type { SimProcess } from "./process.ts";
import type { SimWorld } from "./world.ts";

/** Someone who listens. */
export interface Subscription {
  readonly process: SimProcess;
  readonly answer: (body: unknown) => unknown;
}

/** Messages of one process. */
export class SimMessenger implements Messenger {
  readonly #world: SimWorld;
  readonly #process: SimProcess;

  constructor(world: SimWorld, process: SimProcess) {
    this.#world = world;
    this.#process = process;
  }

  get connected(): boolean {
    return this.#process.connected;
  }

  get servers(): readonly string[] {
    const servers = this.#process.connections.filter(({ known }) => known)
      .map(({ serverId }) => serverId);
    return [...new Set(servers)].sort();
  }

  onChange(run: () => void): () => void {
    return this.#process.onChange(run);
  }

  request(topic: string, body: unknown, timeout: number): Promise<unknown> {
    const text = JSON.stringify(body);
    this.#world.onAsked(this.#process, topic, body);
    return this.#process.expect<unknown>(topic, timeout, (settle, fail) => {
      this.#carry(topic, text, (reply) => {
        if (reply === undefined) fail(new Fault("no_responders", topic, false));
        else settle(parsed(reply));
      });
    });
  }

  publish(topic: string, body: unknown): void {
    this.#process.calls++;
    if (!this.connected) return;
    const text = JSON.stringify(body);
    const { dice, noise } = this.#world;
    this.#carry(topic, text, () => {});
    if (dice.chance(noise.duplicates)) this.#carry(topic, text, () => {});
  }

  subscribe(topic: string, answer: (body: unknown) => unknown): () => void {
    this.#process.calls++;
    const { topics } = this.#world;
    const subscription: Subscription = { process: this.#process, answer };
    const list = topics.get(topic) ?? [];
    topics.set(topic, [...list, subscription]);
    const stop = () => {
      topics.set(
        topic,
        (topics.get(topic) ?? []).filter((other) => other !== subscription),
      );
    };
    this.#process.onEnd(stop);
    return stop;
  }

  /** Takes a message to one who listens, and its answer back; undefined for nobody. */
  #carry(
    topic: string,
    text: string,
    answered: (reply: string | undefined) => void,
  ): void {
    const world = this.#world;
    const from = this.#process;
    from.send(world.delay(), () => {
      const { server } = from.connections[0]!;
      const found = world.listener(topic, server);
      if (found === "nobody") {
        world.scheduler.after(world.delay(), () => answered(undefined));
        return;
      }
      if (found === "lost") return;
      const { link, subscription: { answer, process: to } } = found;
      if (world.isCut(from, to) || world.dice.chance(world.noise.loss)) return;
      const arrives = () => {
        if (to.isIsolated) return;
        to.enter(() => {
          const reply = answer(parsed(text));
          if (reply instanceof Promise) reply.then(respond, () => {});
          else respond(reply);
        });
      };
      const respond = (reply: unknown) => {
        if (reply === undefined || !to.alive) return;
        const body = JSON.stringify(reply);
        to.send(world.delay(), () => {
          if (world.isCut(to, from) || from.isIsolated) return;
          if (world.scheduler.now < from.sickUntil) return;
          if (world.dice.chance(world.noise.loss)) return;
          answered(body);
        }, link);
      };
      world.scheduler.after(world.delay(), arrives);
    });
  }
}

function parsed(text: string): unknown {
  return JSON.parse(text);
}
