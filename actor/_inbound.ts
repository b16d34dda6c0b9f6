/**
 * Requests that arrive: on `aether.do…` for the shards this node owns, and on
 * `aether.ask…`, shared by all nodes that host a type, from any NATS client.
 */
import {
  addressOfTokens,
  type Clock,
  MovedError,
  SHARDS,
  type Subjects,
} from "../event/mod.ts";
import { type Connection, type Link, RawHeaders } from "../nats/mod.ts";
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
  /** Called before each request is looked at. */
  onMessage(): void;
  /** Whether a shard is this node's. */
  owns(type: string, shard: number): boolean;
  /** Gets a call answered wherever its actor lives. */
  ask(call: Call): Promise<unknown>;
}

/** The requests a node takes. */
export class Inbound {
  readonly #options: InboundOptions;
  readonly #shards = new Map<string, () => void>();
  readonly #asks: (() => void)[] = [];
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

  /** Takes requests to exactly the shards this node owns now; new ones first. */
  follow(): void {
    const { host, owns, subjects } = this.#options;
    const lost: string[] = [];
    for (const type of host.definitions.keys()) {
      for (let shard = 0; shard < SHARDS; shard++) {
        const subject = subjects.owner(type, shard, 0);
        const open = this.#shards.has(subject);
        if (!owns(type, shard)) {
          if (open) lost.push(subject);
        } else if (!open) {
          this.#shards.set(
            subject,
            this.#subscribe(subject, (msg) => this.#do(msg)),
          );
        }
      }
    }
    for (const subject of lost) {
      this.#shards.get(subject)!();
      this.#shards.delete(subject);
    }
  }

  /** Takes nothing more; what is under way is answered. */
  close(): void {
    for (const stop of this.#asks.splice(0)) stop();
    for (const stop of this.#shards.values()) stop();
    this.#shards.clear();
  }

  #do(msg: Incoming): void {
    const { clock, host, nodeId, owns } = this.#options;
    const headers = RawHeaders.of(msg);
    const owner = headers.get(OWNER_HEADER);
    if (owner !== "" && owner !== nodeId) return;
    this.#options.onMessage();
    let call: Call;
    try {
      call = decodeCall(msg, headers, clock);
      const { type, shard, id } = call.address;
      if (!owns(type, shard)) {
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
        this.#refuse(msg, error);
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
    if (!msg.reply || connection.isClosed()) return;
    link.publish(msg.reply, body, headers);
  }

  #subscribe(
    subject: string,
    take: (msg: Incoming) => void,
    options: { readonly queue?: string } = {},
  ): () => void {
    const { connection } = this.#options;
    const subscription = connection.subscribe(subject, {
      ...options,
      callback: (error, msg) => {
        if (error === null) take(msg);
      },
    });
    return () => {
      if (!connection.isClosed()) subscription.unsubscribe();
    };
  }
}
