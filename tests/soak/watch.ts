/** What is read of nodes, of this process and of the server while a soak lasts. */
import process from "node:process";
import { collectGarbage } from "../../bench/_runtime.ts";
import type { NatsServers } from "../../tools/nats_server.ts";
import { ownProcess, type SoakNode } from "./nodes.ts";
import type { Reading } from "./trend.ts";

/** Something that must not grow. */
export interface Series {
  /** Such as `n1 (deno): heap`. */
  readonly name: string;
  readonly unit: "MiB" | "";
  /** By how much it may grow while it is looked at. */
  readonly mayGrow: number;
  /** Whether it is told and nothing more, as the log itself grows. */
  readonly isTold: boolean;
  /** From when on it has to stand still: seconds. */
  readonly from: number;
  readonly readings: Reading[];
}

const MIB = 2 ** 20;
/** Of a heap, the share by which it may grow over the time that is looked at. */
const SHARE = 0.05;
/**
 * An actor remembers commands for 10 minutes: for so long heaps grow with each
 * command, and behind that they must not.
 */
export const REMEMBERED = 11 * 60;

/** Reads everything, again and again. */
export class Watch {
  readonly series = new Map<string, Series>();
  readonly #began = performance.now();
  readonly #nodes: readonly SoakNode[];
  readonly #servers: NatsServers;
  readonly #warmUp: number;

  /** @param warmUp Seconds after which heaps have to stand still. */
  constructor(
    nodes: readonly SoakNode[],
    servers: NatsServers,
    warmUp: number,
  ) {
    this.#nodes = nodes;
    this.#servers = servers;
    this.#warmUp = warmUp;
  }

  /** Seconds since it began. */
  get at(): number {
    return (performance.now() - this.#began) / 1_000;
  }

  /** Reads everything once. */
  async look(): Promise<void> {
    for (const { look, name, runtime } of this.#nodes) {
      const { activations, descriptors, heap, rss } = await look();
      const who = `${name} (${runtime})`;
      this.#heap(`${who}: heap`, heap);
      this.#told(`${who}: resident memory`, rss / MIB, "MiB");
      this.#count(`${who}: file descriptors`, descriptors, 2);
      this.#told(`${who}: actors in memory`, activations, "");
    }
    collectGarbage();
    const { heapUsed } = process.memoryUsage();
    const { descriptors } = ownProcess();
    this.#heap("the caller: heap", heapUsed);
    this.#count("the caller: file descriptors", descriptors, 2);
    const [server] = this.#servers.servers;
    const told = async (path: string) =>
      await (await fetch(`${server!.monitorUrl}/${path}`)).json() as Record<
        string,
        number
      >;
    const { consumers, messages } = await told("jsz");
    const { num_subscriptions } = await told("subsz");
    const { connections, mem } = await told("varz");
    this.#count("the server: consumers", consumers!, 1);
    this.#count("the server: subscriptions", num_subscriptions!, 5);
    this.#count("the server: connections", connections!, 1);
    this.#told("the server: resident memory", mem! / MIB, "MiB");
    this.#told("the server: messages stored", messages!, "");
  }

  #heap(name: string, bytes: number): void {
    const { readings } = this.#of(name, {
      unit: "MiB",
      from: this.#warmUp,
      mayGrow: Math.max(2, SHARE * bytes / MIB),
    });
    readings.push({ at: this.at, value: bytes / MIB });
  }

  #count(name: string, value: number, mayGrow: number): void {
    const { readings } = this.#of(name, { mayGrow, from: 0 });
    readings.push({ at: this.at, value });
  }

  #told(name: string, value: number, unit: Series["unit"]): void {
    const { readings } = this.#of(name, { unit, isTold: true });
    readings.push({ at: this.at, value });
  }

  #of(name: string, how: Partial<Series>): Series {
    const all = this.series;
    const known = all.get(name);
    const series: Series = {
      name,
      unit: "",
      mayGrow: 0,
      isTold: false,
      from: 0,
      readings: known?.readings ?? [],
      ...how,
    };
    all.set(name, series);
    return series;
  }
}
