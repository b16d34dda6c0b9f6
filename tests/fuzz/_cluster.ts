/** A node of a cluster of its own, whose world is this process: what it hears can be made up. */
import {
  ClusterManager,
  type ClusterPorts,
  type ControlLog,
  type ControlMessage,
} from "../../cluster/mod.ts";
import { systemClock, ulid } from "../../event/mod.ts";
import { Fault } from "../../nats/mod.ts";

/** A node, and all by which something reaches it. */
export interface Heard extends AsyncDisposable {
  readonly manager: ClusterManager;
  /** What the log holds now. */
  readonly log: readonly ControlMessage[];
  /** Says that something was stored in the control log. */
  stored(message: ControlMessage): void;
  /** Sends a message to each topic it listens to. */
  say(topic: string, body: unknown): unknown;
  /** Those topics. */
  readonly topics: readonly string[];
}

/** Starts a node that leads a cluster of one. */
export async function startNode(): Promise<Heard> {
  const log: ControlMessage[] = [];
  const watchers = new Set<{
    readonly filter: string;
    readonly onMessage: (message: ControlMessage) => void;
  }>();
  const topics = new Map<string, (body: unknown) => unknown>();
  let end = 0;
  const stored = (message: ControlMessage) => {
    for (const { filter, onMessage } of watchers) {
      if (matches(filter, message.key)) onMessage(message);
    }
  };
  const control: ControlLog = {
    publish({ body, boundary, expected, key }) {
      const last = log.findLast((message) => matches(boundary, message.key));
      if ((last?.sequence ?? 0) !== expected) {
        return Promise.resolve({ kind: "refused" });
      }
      const at = log.findIndex((message) => message.key === key);
      if (at >= 0) log.splice(at, 1);
      const message = { key, body, sequence: ++end };
      log.push(message);
      stored(message);
      return Promise.resolve({ kind: "stored", sequence: end });
    },
    last: (filter) =>
      Promise.resolve(log.findLast(({ key }) => matches(filter, key))),
    next: (from, filter) =>
      Promise.resolve(
        log.find(({ key, sequence }) =>
          sequence >= from && matches(filter, key)
        ),
      ),
    watch(filter, onMessage) {
      const watcher = { filter, onMessage };
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
  const ports: ClusterPorts = {
    clock: systemClock,
    control,
    messenger: {
      connected: true,
      servers: ["server"],
      onChange: () => () => {},
      request: (topic) =>
        Promise.reject(new Fault("no_responders", topic, false)),
      publish() {},
      subscribe(topic, answer) {
        topics.set(topic, answer);
        return () => topics.delete(topic);
      },
    },
    random: Math.random,
    newId: ulid,
  };
  const manager = new ClusterManager(ports, "node-1", {
    cluster: "shop",
    hosts: [{ namespace: "shop", type: "account" }],
  });
  await manager.start();
  return {
    manager,
    log,
    stored,
    say: (topic, body) => topics.get(topic)?.(body),
    get topics() {
      return [...topics.keys()];
    },
    [Symbol.asyncDispose]: () => manager.stop(),
  };
}

function matches(filter: string, key: string): boolean {
  return filter.endsWith(">")
    ? key.startsWith(filter.slice(0, -1))
    : key === filter;
}
