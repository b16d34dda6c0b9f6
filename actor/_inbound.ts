/**
 * Requests that arrive: on `aether.do…` for the shards this node owns, each in
 * its generation, and on `aether.ask…`, shared by all nodes that host a type, from
 * any NATS client.
 */
import {
  addressOfTokens,
  type Clock,
  MovedError,
  type Subjects,
} from "../event/mod.ts";
import {
  type Connection,
  type Link,
  mayAnswer,
  RawHeaders,
} from "../nats/mod.ts";
import type { HeldShard } from "../cluster/mod.ts";
import type { Call } from "./_call.ts";
import type { Host } from "./_host.ts";
import { cycle } from "./_router.ts";
import {
  decodeAsk,
  decodeCall,
  encodeAnswer,
  encodeError,
  type Incoming,
  type Outgoing,
  OWNER_HEADER,
  replyLimit,
} from "./_wire.ts";

/** What requests are answered with. */
export interface InboundOptions {
  /** For replies. */
  readonly link: Link;
  /** For subscriptions. */
  readonly connection: Connection;
  /** Of the namespace. */
  readonly subjects: Subjects;
  /** The actors here. */
  readonly host: Host;
  /** Where time comes from. */
  readonly clock: Clock;
  /** This node. */
  readonly nodeId: string;
  /** The shard as this node may answer for it; undefined where it may not. */
  held(type: string, shard: number): HeldShard | undefined;
  /** The shards assigned to this node. */
  assigned(): Iterable<HeldShard>;
  /** Gets a call answered wherever its actor lives. */
  ask(call: Call): Promise<unknown>;
}

/** The requests a node takes. */
export class Inbound {
  readonly #options: InboundOptions;
  readonly #shards = new Map<string, () => Promise<void>>();
  readonly #asks: (() => Promise<void>)[] = [];
  readonly #underway = new Set<string>();

  /** Takes nothing yet. */
  constructor(options: InboundOptions) {
    this.#options = options;
  }

  /** Whether a call sent to this node is under way here. */
  has(commandId: string): boolean {
    return this.#underway.has(commandId);
  }

  /** Takes requests of plain clients to the types hosted here. */
  openAsks(): void {
    const { host, subjects } = this.#options;
    for (const type of host.definitions.keys()) {
      this.#asks.push(
        this.#subscribe(subjects.asksOfType(type), (msg) => this.#ask(msg), {
          queue: "aether",
        }),
      );
    }
  }

  /** Takes requests to exactly the shards assigned to this node now; new ones first. */
  follow(): void {
    const { subjects } = this.#options;
    const lost = new Set(this.#shards.keys());
    for (const { generation, shard, type } of this.#options.assigned()) {
      const subject = subjects.owner(type, shard, generation);
      if (lost.delete(subject) || this.#shards.has(subject)) continue;
      this.#shards.set(
        subject,
        this.#subscribe(subject, (msg) => this.#do(msg, generation)),
      );
    }
    for (const subject of lost) this.#stop(subject);
  }

  /**
   * Takes no more requests for a shard.
   *
   * @returns When what was on its way here has arrived, and was refused.
   */
  release({ generation, shard, type }: HeldShard): Promise<void> {
    return this.#stop(
      this.#options.subjects.owner(type, shard, generation),
    );
  }

  /** Takes no more requests of plain clients: other nodes do. What is under way is answered. */
  closeAsks(): void {
    for (const stop of this.#asks.splice(0)) stop();
  }

  /** Takes nothing more; what is under way is answered. */
  close(): void {
    this.closeAsks();
    for (const subject of [...this.#shards.keys()]) this.#stop(subject);
  }

  async #stop(subject: string): Promise<void> {
    const stop = this.#shards.get(subject);
    this.#shards.delete(subject);
    await stop?.();
  }

  #do(msg: Incoming, generation: number): void {
    const { clock, held, host, nodeId } = this.#options;
    const headers = RawHeaders.of(msg);
    const owner = headers.get(OWNER_HEADER);
    if (owner !== "" && owner !== nodeId) return;
    let call: Call;
    try {
      call = decodeCall(msg, headers, clock);
      const { type, shard, id } = call.address;
      if (held(type, shard)?.generation !== generation) {
        throw new MovedError(`"${id}" lives on another node now`);
      }
      if (call.chain.includes(id)) throw cycle(call);
    } catch (error) {
      return this.#refuse(msg, error);
    }
    const { name, address, commandId } = call;
    this.#underway.add(commandId);
    host.submit(
      call,
      (answer) => {
        this.#underway.delete(commandId);
        this.#answer(msg, host.kindOf(address.type, name)!, answer);
      },
      (error) => {
        this.#underway.delete(commandId);
        // Who closes under a call has done nothing of it: others may.
        this.#refuse(
          msg,
          isClosed(error)
            ? new MovedError(`Node "${nodeId}" is leaving`, { cause: error })
            : error,
        );
      },
    );
  }

  #ask(msg: Incoming): void {
    const { clock, host } = this.#options;
    let call: Call;
    try {
      const [command, keyToken, type] = msg.subject.split(".").reverse();
      const address = addressOfTokens(type!, keyToken!);
      call = decodeAsk(msg, address, command!, clock);
    } catch (error) {
      return this.#refuse(msg, error);
    }
    const kind = host.kindOf(call.address.type, call.name) ?? "command";
    this.#options.ask({ ...call, query: kind === "query" }).then(
      (answer) => this.#answer(msg, kind, answer),
      (error) => this.#refuse(msg, error),
    );
  }

  #answer(msg: Incoming, kind: "command" | "query", answer: unknown): void {
    this.#respond(msg, encodeAnswer(kind, answer, this.#limit));
  }

  #refuse(msg: Incoming, error: unknown): void {
    this.#respond(msg, encodeError(error, this.#limit));
  }

  get #limit(): number {
    return replyLimit(this.#options.link.maxPayload);
  }

  #respond(msg: Incoming, { body, headers }: Outgoing): void {
    const { connection, link } = this.#options;
    if (!mayAnswer(msg.reply) || connection.isClosed()) return;
    link.publish(msg.reply, body, headers);
  }

  #subscribe(
    subject: string,
    take: (msg: Incoming) => void,
    options: { readonly queue?: string } = {},
  ): () => Promise<void> {
    const { connection } = this.#options;
    const subscription = connection.subscribe(subject, {
      ...options,
      callback: (error, msg) => {
        if (error === null) take(msg);
      },
    });
    // What the server has sent already still arrives and is answered.
    return async () => {
      if (!connection.isClosed()) await subscription.drain().catch(() => {});
    };
  }
}

function isClosed(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === "closed";
}
