/**
 * One leader at a time, and a number that tells two of them apart.
 *
 * The leader holds a lease: the key `leader`, which the server removes when it
 * has not been renewed for a TTL. It is taken, renewed and taken from another by
 * writes that expect the revision seen last, so of several candidates one wins.
 * The *epoch* is the revision of the write by which the lease was taken: it only
 * grows.
 *
 * A lease alone proves nothing: its holder may be frozen between looking at the
 * clock and writing. So each control write (all keys below `ctl.`) carries the
 * same boundary, the last sequence of `ctl.>` that this leader has written or
 * read, and its epoch. A new leader writes there first, `ctl.epoch`; from then on
 * whatever an earlier one still sends is refused by the server, and whoever finds
 * a larger epoch there has been deposed. (One boundary string for all of them: a
 * server of three replicas checks writes in flight by that string, and different
 * ones raced past each other 147 times in 600.)
 *
 * A lost comparison, never a read, says that the lease is lost. What the leader
 * does after its lease has run out by its own monotonic clock is nothing.
 *
 * Any node may take the lease before it runs out, on evidence that its holder is
 * dead. Where the evidence was wrong, the deposed one finds out by its next
 * write, and nothing it wrote in between was accepted.
 *
 * Source: {@link https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html | fencing tokens}.
 */
import {
  type AetherError,
  type CancelTimer,
  MovedError,
} from "../event/mod.ts";
import { Control, type ControlEntry } from "./_control.ts";
import { isCount, isRecord, isToken } from "./_heard.ts";
import type { ClusterPorts } from "./ports.ts";
import type { ClusterLog, LeaderInfo } from "./types.ts";

/** How a leader is elected. */
export interface LeaderElectionOptions {
  /** This node's name. */
  readonly node: string;
  /** This life of it, such as a ULID. */
  readonly run: string;
  /**
   * Milliseconds a lease lasts: 15,000 by default, 1,000 at least. Shorter ones
   * are lost while the NATS servers elect a leader of their own (up to 8 s).
   */
  readonly ttl?: number;
  /** Milliseconds between two renewals; a seventh of the TTL by default. */
  readonly renewEvery?: number;
  /** Whether this node stands for election; true by default. */
  readonly stands?: boolean;
  /** Who is told. */
  readonly log?: ClusterLog;
}

interface Lease {
  readonly epoch: number;
  revision: number;
  /** On the monotonic clock. */
  until: number;
  /** Last sequence below `ctl.`; undefined until that was claimed. */
  boundary: number | undefined;
}

/**
 * A leader's lease, followed by all and held by one.
 *
 * @example One of several processes leads, and its writes are fenced
 * ```ts
 * import { connect, ulid } from "@flowmade/aether";
 * import { connectCluster, LeaderElection } from "@flowmade/aether/cluster";
 *
 * export async function main(node: string, stopped: Promise<void>) {
 *   const nc = await connect({ servers: "nats://localhost:4222" });
 *   await using ports = await connectCluster(nc, { cluster: "reports" });
 *   await using election = new LeaderElection(ports, { node, run: ulid() });
 *   election.onChange = () => console.log("leader:", election.leader?.node);
 *   await election.start();
 *   if (election.isLeader()) {
 *     // Refused by the server if another one has come to lead meanwhile.
 *     await election.write("ctl.last-report", { at: new Date() });
 *   }
 *   await stopped;
 * }
 * ```
 */
export class LeaderElection implements AsyncDisposable {
  /** Called when another leader is known, or when this node begins or ceases to lead. */
  onChange: () => void = () => {};
  readonly #ports: ClusterPorts;
  readonly #control: Control;
  readonly #node: string;
  #run: string;
  readonly #ttl: number;
  readonly #renewEvery: number;
  readonly #log: ClusterLog;
  #stands: boolean;
  #lease: Lease | undefined;
  /** The entry seen last, and when a change of it was first seen. */
  #seen: { entry: ControlEntry | undefined; since: number } | undefined;
  #stopWatching: () => void = () => {};
  #cancelStep: CancelTimer = () => {};
  /** When the next step is due. */
  #due = Infinity;
  #cancelExpiry: CancelTimer = () => {};
  #working: Promise<unknown> = Promise.resolve();
  #writing: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** Takes part in nothing until started. */
  constructor(ports: ClusterPorts, options: LeaderElectionOptions) {
    const { ttl = 15_000 } = options;
    this.#ports = ports;
    this.#control = new Control(ports);
    this.#node = options.node;
    this.#run = options.run;
    this.#ttl = ttl;
    this.#renewEvery = options.renewEvery ?? Math.ceil(ttl / 7);
    this.#stands = options.stands ?? true;
    this.#log = options.log ?? (() => {});
  }

  /**
   * Who leads, as far as this node knows: right outside of the moments in which
   * the lease changes hands.
   */
  get leader(): LeaderInfo | undefined {
    if (this.#lease !== undefined) {
      const { epoch } = this.#lease;
      return this.isLeader()
        ? { node: this.#node, run: this.#run, epoch }
        : undefined;
    }
    return leaderOf(this.#seen?.entry);
  }

  /**
   * Whether this node leads: a hint, as any other node may have taken over on
   * evidence that this one is dead. What must be exclusive goes through a write
   * that the server compares: {@link LeaderElection.write}.
   */
  isLeader(): boolean {
    return this.#lease?.boundary !== undefined && this.#isHeld(this.#lease) &&
      this.#ports.messenger.connected;
  }

  /** This leader's epoch; undefined where it does not lead. */
  get epoch(): number | undefined {
    return this.isLeader() ? this.#lease!.epoch : undefined;
  }

  /**
   * The last sequence below `ctl.`: what this leader writes next is stored only
   * behind that. Undefined where it does not lead.
   */
  get boundary(): number | undefined {
    return this.isLeader() ? this.#lease!.boundary : undefined;
  }

  /** Looks who leads, and takes the lease where nobody does. */
  async start(): Promise<void> {
    this.#stopWatching = this.#control.watch("leader", (entry) => {
      const isNews = this.#observe(entry);
      // Its own lease, as it comes back, is no reason to renew it.
      if (isNews && leaderOf(entry)?.run !== this.#run) this.#soon(0);
    });
    await this.#serially(() => this.#step());
    this.#plan();
  }

  /** Goes on as another life of this node: what was held is held no more. */
  async restart(run: string): Promise<void> {
    await this.#serially(() => {
      this.#run = run;
      this.#drop("it goes on as another life");
      return Promise.resolve();
    });
    this.#soon(0);
  }

  /** From now on stands for election, or does not; what is held is kept. */
  set stands(stands: boolean) {
    this.#stands = stands;
    if (stands) this.#soon(0);
  }

  /**
   * Takes the lease from a leader of which there is evidence that it is dead.
   *
   * @param run Which life of it.
   * @returns Whether this node leads now.
   * @throws {StoreUnavailableError} `store_unavailable`: it could not be known.
   */
  preempt(run: string): Promise<boolean> {
    return this.#serially(async () => {
      if (this.#lease !== undefined) return this.isLeader();
      if (!this.#stands) return false;
      try {
        const entry = await this.#look();
        if (leaderOf(entry)?.run === run) await this.#take(entry);
      } finally {
        // Also where the lease was taken and the rest of it failed.
        this.#plan();
      }
      return this.isLeader();
    });
  }

  /**
   * Renews the lease now, before something is done that only a leader may do and
   * that no boundary guards.
   *
   * @returns Whether this node still led when this was called.
   * @throws {StoreUnavailableError} `store_unavailable`: it could not be known.
   */
  prove(): Promise<boolean> {
    return this.#serially(async () => {
      const lease = this.#lease;
      if (lease !== undefined) await this.#renew(lease);
      return this.#lease === lease && this.isLeader();
    });
  }

  /**
   * Writes below `ctl.`, as the leader.
   *
   * @param key Such as `ctl.shards.bank.account`.
   * @param value What JSON can hold.
   * @returns The revision; undefined where the log was not as this leader knew
   * it, as after a write of which the outcome was not known: read, and write again.
   * @throws {MovedError} `moved`: this node does not lead (any more).
   * @throws {StoreUnavailableError} `store_unavailable`: it could not be known.
   */
  write(key: string, value: unknown): Promise<number | undefined> {
    // One at a time: each expects the one before.
    const done = this.#writing.then(() => this.#write(key, value));
    this.#writing = done.catch(() => {});
    return done;
  }

  async #write(key: string, value: unknown): Promise<number | undefined> {
    const lease = this.#lease;
    if (lease?.boundary === undefined || !this.#isHeld(lease)) {
      throw this.#notLeader();
    }
    const { epoch, boundary } = lease;
    const timeout = Math.max(
      1,
      Math.min(WRITE, lease.until - this.#ports.clock.monotonic()),
    );
    const revision = await this.#control.write(key, value, {
      expected: boundary,
      boundary: CTL,
      epoch,
      timeout,
    });
    if (this.#lease !== lease) throw this.#notLeader();
    if (revision !== undefined) return lease.boundary = revision;
    await this.#readBoundary(lease);
    return undefined;
  }

  /** Gives the lease back, if this node has it, and stands for election no more. */
  async resign(): Promise<void> {
    this.#stands = false;
    await this.#serially(async () => {
      const lease = this.#lease;
      if (lease === undefined) return;
      this.#drop("it resigns");
      await this.#control.write("leader", undefined, {
        expected: lease.revision,
        ttl: this.#ttl,
        timeout: 1_000,
      }).catch(() => {}); // it runs out by itself
    });
  }

  /** Resigns and stops. */
  async close(): Promise<void> {
    if (this.#closed) return;
    await this.resign();
    this.#closed = true;
    this.#cancelStep();
    this.#cancelExpiry();
    this.#stopWatching();
  }

  /** As {@link LeaderElection.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- one step at a time ----

  #serially<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#working.then(step);
    this.#working = done.catch(() => {});
    return done;
  }

  #soon(ms: number): void {
    if (this.#closed) return;
    // A step that ends plans the next one: not later than what came up meanwhile.
    const due = this.#ports.clock.monotonic() + ms;
    if (due >= this.#due) return;
    this.#cancelStep();
    this.#due = due;
    this.#cancelStep = this.#ports.clock.timer(ms, () => {
      this.#due = Infinity;
      this.#serially(() => this.#step()).then(() => this.#plan());
    });
  }

  #plan(): void {
    const { clock, random } = this.#ports;
    if (this.#lease !== undefined) return this.#soon(this.#renewEvery);
    // Whoever only follows looks a few times a lease, and when it should be over.
    const over = this.#seen === undefined
      ? 0
      : this.#seen.since + this.#ttl - clock.monotonic();
    const third = this.#ttl / 3;
    this.#soon(
      Math.max(50, Math.min(third, over > 0 ? over : third)) + random() * 100,
    );
  }

  async #step(): Promise<void> {
    if (this.#closed) return;
    try {
      if (this.#lease !== undefined) return await this.#renew(this.#lease);
      const entry = await this.#look();
      if (this.#stands && this.#isFree(entry)) await this.#take(entry);
    } catch (error) {
      this.#tell("debug", "the lease could not be looked at", {
        reason: (error as AetherError).message,
      });
    }
  }

  async #look(): Promise<ControlEntry | undefined> {
    const entry = await this.#control.last("leader");
    this.#observe(entry);
    return entry;
  }

  /** Whether it is news. */
  #observe(entry: ControlEntry | undefined): boolean {
    const before = this.#seen?.entry;
    const isNews = this.#seen === undefined ||
      entry?.revision !== before?.revision;
    // What was seen last is the latest: a server may answer from the past.
    if (entry !== undefined && entry.revision < (before?.revision ?? 0)) {
      return false;
    }
    if (!isNews) return false;
    this.#seen = { entry, since: this.#ports.clock.monotonic() };
    const [was, is] = [leaderOf(before), leaderOf(entry)];
    const changed = was?.epoch !== is?.epoch;
    if (changed && this.#lease === undefined) this.onChange();
    return changed;
  }

  #isFree(entry: ControlEntry | undefined): boolean {
    const leader = leaderOf(entry);
    if (leader === undefined || leader.node === this.#node) return true;
    // The server should have removed it by now.
    return this.#ports.clock.monotonic() - this.#seen!.since >= this.#ttl;
  }

  async #take(entry: ControlEntry | undefined): Promise<void> {
    const { clock } = this.#ports;
    const began = clock.monotonic();
    const epoch = await this.#control.write(
      "leader",
      { node: this.#node, run: this.#run, epoch: 0 },
      { expected: entry?.revision ?? 0, ttl: this.#ttl },
    );
    if (epoch === undefined) {
      await this.#look();
      return;
    }
    const until = began + this.#ttl;
    const lease: Lease = { epoch, revision: epoch, until, boundary: undefined };
    this.#lease = lease;
    this.#armExpiry(lease);
    await this.#claim(lease);
    if (this.#lease !== lease) return;
    this.#tell("info", "a node leads", { epoch });
    this.onChange();
  }

  /** The first control write of an epoch: from now on no earlier leader writes. */
  async #claim(lease: Lease): Promise<void> {
    const value = { node: this.#node, run: this.#run };
    const { epoch } = lease;
    while (this.#lease === lease && this.#isHeld(lease)) {
      const last = await this.#control.last(CTL);
      if ((last?.epoch ?? 0) > epoch) return this.#drop("a later one leads");
      const revision = await this.#control.write("ctl.epoch", value, {
        expected: last?.revision ?? 0,
        boundary: CTL,
        epoch,
      });
      if (revision !== undefined) lease.boundary = revision;
      if (revision !== undefined) return;
    }
  }

  async #readBoundary(lease: Lease): Promise<void> {
    const last = await this.#control.last(CTL);
    if (this.#lease !== lease) throw this.#notLeader();
    if (last === undefined || last.epoch > lease.epoch) {
      this.#drop("a later one leads");
      throw this.#notLeader();
    }
    // Nobody else writes in this epoch; an older one is an answer from the past.
    if (last.epoch === lease.epoch) lease.boundary = last.revision;
  }

  async #renew(lease: Lease): Promise<void> {
    const { clock } = this.#ports;
    const began = clock.monotonic();
    if (!this.#isHeld(lease)) return this.#drop("its lease has run out");
    const { epoch } = lease;
    const revision = await this.#control.write(
      "leader",
      { node: this.#node, run: this.#run, epoch },
      {
        expected: lease.revision,
        ttl: this.#ttl,
        timeout: Math.max(1, Math.min(lease.until - began, RENEW)),
      },
    );
    if (this.#lease !== lease) return;
    if (revision === undefined) {
      this.#drop("another one took the lease");
      await this.#look();
      return;
    }
    lease.revision = revision;
    lease.until = began + this.#ttl;
    this.#armExpiry(lease);
    if (lease.boundary === undefined) {
      await this.#claim(lease);
      if (this.isLeader()) this.onChange();
    }
  }

  #armExpiry(lease: Lease): void {
    const { clock } = this.#ports;
    this.#cancelExpiry();
    this.#cancelExpiry = clock.timer(
      Math.max(0, lease.until - clock.monotonic()),
      () => {
        if (this.#lease === lease && !this.#isHeld(lease)) {
          this.#drop("its lease has run out");
        }
      },
    );
  }

  #isHeld(lease: Lease): boolean {
    return this.#ports.clock.monotonic() < lease.until;
  }

  #drop(reason: string): void {
    const lease = this.#lease;
    if (lease === undefined) return;
    this.#lease = undefined;
    this.#cancelExpiry();
    this.#tell("info", "a node leads no more", { epoch: lease.epoch, reason });
    this.onChange();
  }

  #notLeader(): MovedError {
    return new MovedError(
      `Cannot write to the cluster's control log as node "${this.#node}" does not lead`,
      { details: { node: this.#node } },
    );
  }

  #tell(
    level: "debug" | "info",
    message: string,
    facts: Record<string, unknown>,
  ): void {
    this.#log({ level, message, node: this.#node, ...facts });
  }
}

function leaderOf(entry: ControlEntry | undefined): LeaderInfo | undefined {
  const { epoch, node, run } = isRecord(entry?.value) ? entry.value : {};
  if (!isToken(node) || !isToken(run)) return undefined;
  // The write by which it was taken cannot know its own revision.
  const is = isCount(epoch) && epoch > 0 ? epoch : entry!.revision;
  return { node, run, epoch: is };
}

const CTL = "ctl.>";
/** Milliseconds a control write is tried for. */
const WRITE = 5_000;
/** Milliseconds one renewal is tried for. */
const RENEW = 4_000;
