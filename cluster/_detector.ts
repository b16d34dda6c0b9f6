/**
 * Who is dead.
 *
 * The leader probes every node four times a second; a node that the leader has
 * not probed for a while probes the leader. *No responders* is the server's word
 * that nobody listens where the probed node did: a process that died is gone
 * from its server within milliseconds. Silence is weaker: the process may be
 * frozen, or just busy. One sign alone never condemns:
 *
 * - The observer's own word counts only when it has been connected for 2 s and
 *   has not reconnected within 3 s: otherwise it may be the one that was away.
 * - *Gone*: two probes at least 200 ms apart find no responders. Where the server
 *   that the node hung on may have gone down and the node with it be looking for
 *   another one, for 3 s and never a reply: the quick rule needs a server that is
 *   known to be up, as it is the observer's own, or two servers, as a node holds
 *   two connections, to different servers where there are several.
 * - *Hung*: probes in a row time out, for 2 s in all. A probe waits 250 ms for its
 *   answer, and twice as long, up to a second, after one that was missed: so a node
 *   that is far away is heard, and waited for as long from then on as its answers
 *   take.
 * - Another node has to agree, where there is a third one to ask. Where there is
 *   none, or all others are as gone as the accused, it takes 3 s: of a node that
 *   is gone, nobody must come back; of one that is silent, the record must not be
 *   renewed meanwhile, or else it is the observer who does not hear.
 *
 * What rests on a verdict is only when a node is given up. Should it be wrong,
 * the evicted node finds its writes refused, and comes back as another life.
 */
import type { CancelTimer } from "../event/mod.ts";
import { isFault } from "../nats/mod.ts";
import { isRecord, nodeInfoOf } from "./_heard.ts";
import type { ClusterPorts } from "./ports.ts";
import type { NodeInfo } from "./types.ts";

/** What a detector needs to know. */
export interface DetectorOptions {
  /** This node's name. */
  readonly node: string;
  /** Milliseconds between two probes, and until one is missed; 250 by default. */
  readonly probeEvery?: number;
  /** The nodes of the cluster, as last known. */
  roster(): readonly NodeInfo[];
  /** What this node says to a node it probes, beside its name. */
  say(target: NodeInfo): Record<string, unknown>;
  /** What this node answers to a probe. */
  answer(probe: Record<string, unknown>): Record<string, unknown>;
  /** A node has answered a probe. */
  heard(target: NodeInfo, answer: Record<string, unknown>): void;
  /** A node is dead. */
  dead(target: NodeInfo): void;
  /**
   * Something that changes as long as a node renews its record; undefined where
   * that cannot be known.
   */
  renewal(target: NodeInfo): Promise<number | undefined>;
}

type Sign = "alive" | "gone" | "silent" | "unknown";

/** What was found out about a node. */
export type Verdict = "alive" | "dead" | "unsure";

interface Watched {
  target: NodeInfo;
  silent: number;
  probing: boolean;
}

/** Probes nodes, and says which are dead. */
export class Detector {
  readonly #ports: ClusterPorts;
  readonly #options: DetectorOptions;
  readonly #every: number;
  readonly #stops: (() => void)[] = [];
  readonly #investigations = new Map<string, Promise<Verdict>>();
  #watched = new Map<string, Watched>();
  /** Milliseconds that an answer is waited for, by run, where that is not the least. */
  readonly #patience = new Map<string, number>();
  #cancel: CancelTimer = () => {};
  #stopAnswering: () => void = () => {};
  #connectedSince: number;
  #reconnected = -Infinity;
  #closed = false;

  /** Probes a node that was found dead once more: whether it is so just now. */
  async isStillDead(target: NodeInfo): Promise<boolean> {
    const sign = await this.#probe(target);
    return this.isSettled && (sign === "gone" || sign === "silent");
  }

  /** Answers nobody until started. */
  constructor(ports: ClusterPorts, options: DetectorOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#every = options.probeEvery ?? 250;
    this.#connectedSince = ports.clock.monotonic();
  }

  /** Answers the questions of other observers, and from {@link Detector.answerAs} on probes. */
  start(): void {
    const { clock, messenger } = this.#ports;
    const { node } = this.#options;
    this.#connectedSince = clock.monotonic();
    this.#stops.push(
      () => this.#stopAnswering(),
      messenger.subscribe(
        `${node}.witness`,
        (body) => this.#testify(body),
      ),
      messenger.onChange(() => {
        if (!messenger.connected) return;
        this.#connectedSince = this.#reconnected = clock.monotonic();
      }),
    );
    this.#tick();
  }

  /** From now on answers probes of this life of this node, and no other. */
  answerAs(run: string): void {
    const { answer, node } = this.#options;
    this.#stopAnswering();
    this.#stopAnswering = this.#ports.messenger.subscribe(
      probeTopic({ node, run }),
      (body) => isRecord(body) ? answer(body) : undefined,
    );
  }

  /** From now on probes exactly these nodes. */
  watch(targets: readonly NodeInfo[]): void {
    const before = this.#watched;
    const runs = new Set(targets.map(({ run }) => run));
    for (const run of this.#patience.keys()) {
      if (!runs.has(run)) this.#patience.delete(run);
    }
    this.#watched = new Map(
      targets.map((target) => {
        // The same object: a probe that is under way says there that it is over.
        const watched = before.get(target.run) ??
          { target, silent: 0, probing: false };
        watched.target = target;
        return [target.run, watched];
      }),
    );
  }

  /** Probes a node at once, to bring it what there is to say. */
  poke(target: NodeInfo): void {
    const watched = this.#watched.get(target.run);
    if (watched !== undefined) this.#probeWatched(watched);
  }

  /** Whether this node's own word on others counts. */
  get isSettled(): boolean {
    const { clock, messenger } = this.#ports;
    const now = clock.monotonic();
    return messenger.connected && now - this.#connectedSince >= 2_000 &&
      now - this.#reconnected >= 3_000;
  }

  /** This node stood still: what it has missed says nothing about others. */
  disturbed(): void {
    this.#reconnected = this.#ports.clock.monotonic();
    for (const watched of this.#watched.values()) watched.silent = 0;
  }

  /** Finds out whether a node is dead; several callers share one investigation. */
  investigate(target: NodeInfo): Promise<Verdict> {
    const running = this.#investigations.get(target.run);
    if (running !== undefined) return running;
    const investigation = this.#investigate(target)
      .catch((): Verdict => "unsure")
      .finally(() => this.#investigations.delete(target.run));
    this.#investigations.set(target.run, investigation);
    return investigation;
  }

  /** Probes and answers nobody any more. */
  close(): void {
    this.#closed = true;
    this.#cancel();
    for (const stop of this.#stops.splice(0)) stop();
  }

  #tick(): void {
    if (this.#closed) return;
    this.#cancel = this.#ports.clock.timer(this.#every, () => this.#tick());
    for (const watched of this.#watched.values()) {
      if (!watched.probing) this.#probeWatched(watched);
    }
  }

  async #probeWatched(watched: Watched): Promise<void> {
    const { target } = watched;
    watched.probing = true;
    const sign = await this.#probe(target);
    watched.probing = false;
    if (this.#closed || !this.#watched.has(target.run)) return;
    if (sign === "alive") watched.silent = 0;
    else if (sign === "silent") watched.silent++;
    const suspicious = sign === "gone" || watched.silent >= 2;
    if (!suspicious) return;
    const verdict = await this.investigate(target);
    if (verdict === "dead" && this.#watched.has(target.run)) {
      this.#options.dead(target);
    }
  }

  async #probe(
    target: NodeInfo,
    patience: number = this.#patienceWith(target),
  ): Promise<Sign> {
    const { clock, messenger } = this.#ports;
    const { heard, node, say } = this.#options;
    const began = clock.monotonic();
    try {
      const said = { ...say(target), from: node };
      const topic = probeTopic(target);
      const answer = await messenger.request(topic, said, patience);
      this.#keep(target, 2 * (clock.monotonic() - began));
      heard(target, isRecord(answer) ? answer : {});
      return "alive";
    } catch (error) {
      if (isFault(error, "no_responders")) return "gone";
      if (!isFault(error, "timeout")) return "unknown";
      this.#keep(target, 2 * patience);
      return "silent";
    }
  }

  #patienceWith({ run }: NodeInfo): number {
    return this.#patience.get(run) ?? this.#every;
  }

  #keep({ run }: NodeInfo, patience: number): void {
    const most = PATIENCE * this.#every;
    if (patience <= this.#every) this.#patience.delete(run);
    else this.#patience.set(run, Math.min(patience, most));
  }

  async #investigate(target: NodeInfo): Promise<Verdict> {
    const { clock } = this.#ports;
    const began = clock.monotonic();
    let gone = 0;
    /** Milliseconds for which it was silent. */
    let silence = 0;
    let witnesses: Promise<Agreement> | undefined;
    let renewal: Promise<number | undefined> | undefined;
    for (;;) {
      if (this.#closed || !this.isSettled) return "unsure";
      const asked = clock.monotonic();
      const patience = this.#patienceWith(target);
      const sign = await this.#probe(target, patience);
      if (sign === "alive") return "alive";
      if (sign === "unknown") return "unsure";
      if (sign === "gone") gone++;
      else {
        silence += patience;
        renewal ??= this.#renewal(target);
      }
      const lasted = clock.monotonic() - began;
      if (sign === "gone") witnesses ??= this.#witnesses(target, sign);
      const isGone = gone >= 2 && lasted >= APART &&
        (lasted >= LONG || this.#isServerUp(target));
      // Finding nobody is no silence: that is over at once, when the node may still
      // be looking for another server.
      if (isGone || silence >= HUNG * this.#every) {
        witnesses ??= this.#witnesses(target, "silent");
        const agreement = await witnesses;
        witnesses = undefined;
        if (agreement === "disagree") return "unsure";
        if (agreement === "agree") {
          if (isGone) return "dead";
          const last = await this.#probe(target);
          return last === "gone" || last === "silent" ? "dead" : "unsure";
        }
        // Nobody is left to ask.
        if (lasted >= LONG) {
          const isDead = isGone || await this.#hasStopped(target, renewal);
          return isDead ? "dead" : "unsure";
        }
      }
      const wait = sign === "gone" ? APART : this.#every;
      const rest = asked + wait - clock.monotonic();
      if (rest > 0) await this.#pause(rest);
    }
  }

  /** Whether a server that the node hung on is known to be up. */
  #isServerUp({ servers }: NodeInfo): boolean {
    const own = this.#ports.messenger.servers;
    return servers.length > 1 || servers.some((server) => own.includes(server));
  }

  async #witnesses(target: NodeInfo, how: Sign): Promise<Agreement> {
    const { messenger, random } = this.#ports;
    const others = this.#options.roster().filter(({ node, run }) =>
      node !== this.#options.node && run !== target.run
    );
    // That nobody is there is the server's word, silence only this node's own.
    if (others.length === 0) return how === "gone" ? "agree" : "alone";
    const order = others.map((other) => ({ other, at: random() }))
      .sort((a, b) => a.at - b.at);
    let unsure = false;
    for (const { other } of order.slice(0, 4)) {
      const timeout = how === "gone" ? 2 * this.#every : 6 * this.#every;
      try {
        const topic = `${other.node}.witness`;
        const said = await messenger.request(topic, { target, how }, timeout);
        if (said === "gone" || said === "silent") return "agree";
        if (said === "alive") return "disagree";
        unsure = true;
      } catch (error) {
        if (!isFault(error, "no_responders")) unsure = true;
      }
    }
    return unsure ? "disagree" : "alone";
  }

  #renewal(target: NodeInfo): Promise<number | undefined> {
    return this.#options.renewal(target).catch(() => undefined);
  }

  /** Whether its record is known not to have been renewed since. */
  async #hasStopped(
    target: NodeInfo,
    since: Promise<number | undefined> | undefined,
  ): Promise<boolean> {
    const before = await since;
    return before !== undefined && await this.#renewal(target) === before;
  }

  async #testify(question: unknown): Promise<Sign> {
    const { how, target: named } = isRecord(question) ? question : {};
    const target = nodeInfoOf(named);
    if (target === undefined || !this.isSettled) return "unknown";
    const patience = how === "gone" ? this.#every : WITNESS * this.#every;
    return await this.#probe(target, patience);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#ports.clock.timer(ms, resolve));
  }
}

/**
 * Where a life of a node is probed. Another one of its name, one that was frozen
 * and has just woken up, hears nothing of it and cannot answer in its place.
 */
export function probeTopic(
  { node, run }: { readonly node: string; readonly run: string },
): string {
  return `${node}.probe.${run}`;
}

type Agreement = "agree" | "disagree" | "alone";

/** Milliseconds between two probes that find nobody. */
const APART = 200;
/** Milliseconds without anybody, where the node's server may be down. */
const LONG = 3_000;
/** How long a hung node is silent, in intervals between two probes. */
const HUNG = 8;
/** How long a witness waits for it. */
const WITNESS = 4;
/** How long any answer is waited for at most. */
const PATIENCE = 4;
