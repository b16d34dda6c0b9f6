/** Messages between nodes over core NATS, on `aether.node.<cluster>.…`. */
import { parseJson } from "../event/mod.ts";
import { type Link, mayAnswer } from "../nats/mod.ts";
import type { Messenger } from "./ports.ts";

/** Messages between nodes over core NATS. */
export class NatsMessenger implements Messenger {
  readonly #link: Link;
  readonly #prefix: string;
  readonly #links: readonly Link[];

  /** Sends over `link`; is also heard on `bulk`. */
  constructor(link: Link, cluster: string, bulk: Link | undefined) {
    this.#link = link;
    this.#prefix = `aether.node.${cluster}.`;
    this.#links = bulk === undefined ? [link] : [link, bulk];
  }

  get connected(): boolean {
    return this.#link.connected;
  }

  get servers(): readonly string[] {
    // A connection that is down still remembers its server, which may be down too.
    const servers = this.#links.filter(({ connected }) => connected)
      .map(({ connection }) => connection.info?.server_id ?? "");
    return [...new Set(servers)].filter((server) => server !== "").sort();
  }

  onChange(run: () => void): () => void {
    return this.#link.onChange(run);
  }

  async request(
    topic: string,
    body: unknown,
    timeout: number,
  ): Promise<unknown> {
    const msg = await this.#link.request(
      this.#prefix + topic,
      JSON.stringify(body),
      { timeout },
    );
    return parsed(msg.data);
  }

  publish(topic: string, body: unknown): void {
    if (!this.#link.connected) return;
    this.#link.publish(this.#prefix + topic, JSON.stringify(body));
  }

  subscribe(
    topic: string,
    answer: (body: unknown) => unknown,
  ): () => void {
    // One of the connections gets it: whoever asks is answered as long as one of
    // the servers is up.
    const subscriptions = this.#links.map(({ connection: nc }) => ({
      nc,
      subscription: nc.subscribe(this.#prefix + topic, {
        queue: "node",
        callback: (error, msg) => {
          if (error !== null) return;
          const respond = (reply: unknown) => {
            if (reply === undefined || nc.isClosed()) return;
            if (!mayAnswer(msg.reply)) return;
            msg.respond(JSON.stringify(reply));
          };
          const reply = answer(parsed(msg.data));
          if (reply instanceof Promise) reply.then(respond, () => {});
          else respond(reply);
        },
      }),
    }));
    return () => {
      for (const { nc, subscription } of subscriptions) {
        if (!nc.isClosed()) subscription.unsubscribe();
      }
    };
  }
}

function parsed(data: Uint8Array): unknown {
  try {
    return parseJson(utf8.decode(data));
  } catch {
    return undefined; // not one of ours
  }
}

const utf8 = new TextDecoder();
