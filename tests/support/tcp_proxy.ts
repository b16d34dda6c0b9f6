/**
 * A TCP proxy between NATS clients and a server that breaks the network on
 * purpose: it cuts, refuses, falls silent, delays, and drops or holds back
 * single messages. It reads just enough of the protocol to see whole messages;
 * everything else passes unchanged. It cannot read TLS.
 *
 * Give clients `ignoreClusterUpdates: true` on a cluster, or they learn the
 * servers' own addresses and go around the proxy.
 *
 * @module
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Frame, FrameMessage } from "./nats_frames.ts";
import { type Direction, Link, type ProxyPolicy } from "./proxy_link.ts";
import {
  type Choose,
  type ProxyHold,
  type ProxyRule,
  type Rewrite,
  Rewrites,
  Rule,
} from "./proxy_rule.ts";

/** What went through. */
export interface ProxyStats {
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Bytes passed on to the server. */
  readonly toServer: number;
  /** Bytes passed on to clients. */
  readonly toClient: number;
  /** Messages dropped. */
  readonly dropped: number;
}

/** A running proxy. */
export interface TcpProxy extends AsyncDisposable {
  /** Where clients connect, such as `nats://127.0.0.1:21234`. */
  readonly url: string;
  /** What went through so far. */
  readonly stats: ProxyStats;
  /** Connections open now. */
  connections(): number;
  /** Ends all connections now. */
  cut(): void;
  /** Ends all connections once this many more bytes have passed, inside a message if it so falls. */
  cutAfter(bytes: number, direction?: Direction): void;
  /** Whether new connections are ended at once. */
  refuse(on: boolean): void;
  /**
   * Whether connections stay open while nothing passes, neither bytes nor the
   * end of a connection; afterwards all of it passes in order, as it does
   * when a broken network heals before TCP gives up.
   */
  halfOpen(on: boolean): void;
  /** Milliseconds that bytes take from now on; 0 when not given. */
  delay(ms: { readonly toServer?: number; readonly toClient?: number }): void;
  /** Bytes a second that each connection may pass each way; without bounds when not given. */
  bandwidth(bytes?: number): void;
  /** Drops messages on their way to clients: the chosen ones, or a share of all (0 to 1). */
  dropReplies(choose: Choose | number, random?: () => number): ProxyRule;
  /** Drops messages on their way to the server. */
  dropRequests(choose: Choose | number, random?: () => number): ProxyRule;
  /** Holds messages on their way to the server until released, while later ones pass. */
  holdRequests(choose: Choose): ProxyHold;
  /** Sends clients something else in the place of messages: whole frames, or nothing. */
  rewriteReplies(rewrite: Rewrite): ProxyRule;
  /** Ends all connections and stops listening. */
  close(): Promise<void>;
}

/** Starts a proxy in front of `target`, a `host:port` or a `nats:` URL. */
export async function startTcpProxy(
  options: { readonly target: string },
): Promise<TcpProxy> {
  const { target } = options;
  const { hostname, port } = new URL(
    target.includes("://") ? target : `nats://${target}`,
  );
  const proxy = new RunningProxy(hostname, Number(port || 4222));
  await proxy.listen();
  return proxy;
}

class RunningProxy implements TcpProxy, ProxyPolicy {
  readonly stats = { accepted: 0, toServer: 0, toClient: 0, dropped: 0 };
  readonly delays: Record<Direction, number> = { toServer: 0, toClient: 0 };
  silent = false;
  rate = Infinity;
  readonly #rewrites = new Set<Rewrites>();
  readonly #rules = { toServer: new Set<Rule>(), toClient: new Set<Rule>() };
  readonly #links = new Set<Link>();
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  #refusing = false;
  #budget: { readonly direction: Direction; left: number } | undefined;

  constructor(host: string, port: number) {
    this.#target = { host, port };
    this.#server = createServer((client) => this.#accept(client));
  }

  listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(0, "127.0.0.1", resolve);
    this.#server.unref();
    return promise;
  }

  get url(): string {
    return `nats://127.0.0.1:${
      (this.#server.address() as { port: number }).port
    }`;
  }

  connections(): number {
    return [...this.#links].filter((link) => link.isOpen).length;
  }

  cut(): void {
    for (const link of this.#links) link.cut();
  }

  cutAfter(bytes: number, direction: Direction = "toServer"): void {
    this.#budget = { direction, left: bytes };
  }

  refuse(on: boolean): void {
    this.#refusing = on;
  }

  halfOpen(on: boolean): void {
    this.silent = on;
    for (const link of this.#links) link.pump();
  }

  delay(ms: { readonly toServer?: number; readonly toClient?: number }): void {
    this.delays.toServer = ms.toServer ?? 0;
    this.delays.toClient = ms.toClient ?? 0;
  }

  bandwidth(bytes: number = Infinity): void {
    this.rate = bytes;
  }

  dropReplies(choose: Choose | number, random?: () => number): ProxyRule {
    return this.#rule("toClient", "drop", choose, random);
  }

  dropRequests(choose: Choose | number, random?: () => number): ProxyRule {
    return this.#rule("toServer", "drop", choose, random);
  }

  holdRequests(choose: Choose): ProxyHold {
    return this.#rule("toServer", "hold", choose);
  }

  rewriteReplies(rewrite: Rewrite): ProxyRule {
    const rewrites = new Rewrites(
      rewrite,
      () => this.#rewrites.delete(rewrites),
    );
    this.#rewrites.add(rewrites);
    return rewrites;
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.destroy();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  ruleFor(direction: Direction, message: FrameMessage): Rule | undefined {
    for (const rule of this.#rules[direction]) {
      if (!rule.takes(message)) continue;
      if (rule.action === "drop") this.stats.dropped++;
      return rule;
    }
    return undefined;
  }

  rewritten(frame: Frame): Uint8Array {
    for (const rewrites of this.#rewrites) {
      const bytes = rewrites.apply(frame);
      if (bytes !== undefined) return bytes;
    }
    return frame.bytes;
  }

  allowance(direction: Direction, size: number): number {
    let allowed = size;
    if (this.#budget?.direction === direction) {
      allowed = Math.min(size, this.#budget.left);
      this.#budget.left -= allowed;
      if (allowed < size) this.#budget = undefined;
    }
    this.stats[direction] += allowed;
    return allowed;
  }

  #accept(client: Socket): void {
    this.stats.accepted++;
    if (this.#refusing) {
      client.on("error", () => {});
      client.destroy();
      return;
    }
    const link = new Link(
      this,
      client,
      connect(this.#target),
      () => this.#links.delete(link),
    );
    this.#links.add(link);
  }

  #rule(
    direction: Direction,
    action: "drop" | "hold",
    choose: Choose | number,
    random: () => number = Math.random,
  ): Rule {
    const chosen = typeof choose === "number"
      ? () => random() < choose
      : choose;
    const rule = new Rule(
      chosen,
      action,
      (stopped) => this.#rules[direction].delete(stopped),
    );
    this.#rules[direction].add(rule);
    return rule;
  }
}
