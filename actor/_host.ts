/**
 * The actors of one process: which are in memory, how they come in and when they
 * leave. An actor comes in with its first call. It leaves when it was idle for
 * long enough, or when there are too many: then the longest unused go. What is
 * busy stays, so for a moment there may be more than the cap.
 */
import {
  type ActorAddress,
  type ActorSnapshot,
  type AetherError,
  type CancelTimer,
  type Clock,
  type CommandFailedError,
  InvalidArgumentError,
  MovedError,
  OverloadedError,
  parseActorId,
  type QuarantinedError,
} from "../event/mod.ts";
import type { EventStore, SnapshotStore } from "../store/mod.ts";
import { Activation, type Surroundings, type Tenure } from "./_activation.ts";
import type { Call } from "./_call.ts";
import type { Refer } from "./_context.ts";
import { Deadlines } from "./_deadlines.ts";
import type { AnyActor } from "./definition.ts";
import { Job, type JobSurroundings } from "./_job.ts";
import type { Log } from "./log.ts";
import type { Promised, PromisedCommit, Relay } from "./_relay.ts";

/** What a host is made of. */
export interface HostOptions {
  /** Named in errors. */
  readonly nodeId: string;
  /** The definitions it runs. */
  readonly actors: readonly AnyActor[];
  /** Where events live, and snapshots if it keeps those too. */
  readonly store: EventStore & Partial<SnapshotStore>;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Who is told. */
  readonly log: Log;
  /** Actors in memory at most. */
  readonly maxActivations: number;
  /** Whether there are no other nodes that could run an actor. */
  readonly alone: boolean;
  /** Makes references for handlers. */
  readonly refer: Refer;
  /** Carries out what commits promise. */
  readonly relay?: Pick<Relay, "isFull" | "promise"> | undefined;
  /**
   * By what right a shard is this process's. Asked when an actor comes into memory;
   * by default nobody else can have it.
   */
  readonly tenure?: (type: string, shard: number) => Tenure;
  /** Told where another process turns out to have a shard in a later generation. */
  readonly onOutdated?: (type: string, shard: number) => void;
  /** Who is told of handlers that fail; it must not throw. */
  readonly onError?: (failure: HandlerFailure) => void;
}

/** What a host has done and holds. */
export interface HostStats {
  /** Actors in memory. */
  readonly activations: number;
  /** Of them, those that cannot be replayed just now. */
  readonly quarantined: number;
  /** Snapshots that were saved. */
  readonly snapshotsSaved: number;
  /** Snapshots that could not be saved. */
  readonly snapshotsFailed: number;
  /**
   * Snapshots left out, as actors had to leave faster than snapshots are written.
   * The next load reads more of the log instead.
   */
  readonly snapshotsSkipped: number;
  /** Actors that left memory. */
  readonly passivations: number;
  /** Commits that were refused, as another writer of the actor was first. */
  readonly conflicts: number;
}

/** A handler that threw something other than `Rejected`, or returned nonsense. */
export interface HandlerFailure {
  /** Whose handler, such as `account-ada`. */
  readonly actorId: string;
  /** What it handles. */
  readonly kind: "command" | "query";
  /** The command or query. */
  readonly name: string;
  /** The command's id. */
  readonly commandId?: string;
  /** What the caller is told. */
  readonly error: CommandFailedError;
  /** What was thrown, with its stack; undefined where something else was wrong. */
  readonly cause: unknown;
}

/** An actor that cannot be replayed. */
export interface QuarantinedActor {
  /** Such as `account-ada`. */
  readonly actorId: string;
  /** What is wrong, and with which event. */
  readonly error: QuarantinedError;
  /** Milliseconds until the next call loads it again. */
  readonly retryIn: number;
}

/** The actors of one process. */
export class Host implements Surroundings, JobSurroundings {
  readonly store: EventStore & Partial<SnapshotStore>;
  readonly clock: Clock;
  readonly refer: Refer;
  /** The definitions it runs, by type. */
  readonly definitions: ReadonlyMap<string, AnyActor>;
  readonly #nodeId: string;
  readonly #log: Log;
  readonly #max: number;
  readonly #alone: boolean;
  readonly #tenure: (type: string, shard: number) => Tenure;
  readonly #onOutdated: (type: string, shard: number) => void;
  readonly #relay: Pick<Relay, "isFull" | "promise"> | undefined;
  /** Watches the deadlines of all calls. */
  readonly deadlines: Deadlines;
  readonly #onError: ((failure: HandlerFailure) => void) | undefined;
  /** Actors with an append of which nobody knows what became of it. */
  readonly #inDoubt = new Set<string>();
  readonly #activations = new Map<string, Activation>();
  /** Ids of the actors in memory, by `type/shard`. */
  readonly #shards = new Map<string, Set<string>>();
  readonly #background = new Set<Promise<unknown>>();
  readonly #toWrite: Activation[] = [];
  readonly #onWritten: (() => void)[] = [];
  #writing = 0;
  readonly #sweepEvery: number;
  #cancelSweep: CancelTimer | undefined;
  #leaving = false;
  #saved = 0;
  #failed = 0;
  #skipped = 0;
  #passivated = 0;
  #conflicts = 0;

  /** Starts with nothing in memory. */
  constructor(options: HostOptions) {
    this.store = options.store;
    this.clock = options.clock;
    this.refer = options.refer;
    this.#nodeId = options.nodeId;
    this.#log = options.log;
    this.#max = options.maxActivations;
    this.#alone = options.alone;
    this.#tenure = options.tenure ?? (() => ALONE);
    this.#onOutdated = options.onOutdated ?? (() => {});
    this.#relay = options.relay;
    this.deadlines = new Deadlines(options.clock);
    this.#onError = options.onError;
    this.definitions = definitionsByType(options.actors);
    this.#sweepEvery = Math.max(
      1,
      Math.min(
        5_000,
        ...options.actors.map((actor) => actor.options.passivateAfter / 2),
      ),
    );
  }

  /** What it has done and holds. */
  get stats(): HostStats {
    let quarantined = 0;
    for (const activation of this.#activations.values()) {
      if (activation.quarantine !== undefined) quarantined++;
    }
    return {
      activations: this.#activations.size,
      quarantined,
      snapshotsSaved: this.#saved,
      snapshotsFailed: this.#failed,
      snapshotsSkipped: this.#skipped,
      passivations: this.#passivated,
      conflicts: this.#conflicts,
    };
  }

  /** The actors that cannot be replayed just now, and why. */
  quarantined(): QuarantinedActor[] {
    const found: QuarantinedActor[] = [];
    const now = this.clock.monotonic();
    for (const [actorId, { quarantine }] of this.#activations) {
      if (quarantine === undefined) continue;
      const { error, until } = quarantine;
      found.push({ actorId, error, retryIn: Math.max(0, until - now) });
    }
    return found;
  }

  /** What a name of a type is; undefined where there is no such name here. */
  kindOf(type: string, name: string): "command" | "query" | undefined {
    const definition = this.definitions.get(type);
    if (definition?.commandHandlers.has(name)) return "command";
    return definition?.queryHandlers.has(name) ? "query" : undefined;
  }

  /** Hands a call to its actor, which is brought into memory if need be. */
  submit(
    call: Call,
    resolve: (answer: unknown) => void,
    reject: (error: unknown) => void,
  ): void {
    const { type, id } = call.address;
    const definition = this.definitions.get(type);
    if (definition === undefined) return reject(this.#unknownType(call));
    const command = definition.commandHandlers.get(call.name);
    const handler = command ?? definition.queryHandlers.get(call.name);
    if (handler === undefined) return reject(unknownName(definition, call));
    // What runs may still call others, where there is nobody else to ask.
    if (this.#leaving && !(this.#alone && call.chain.length > 0)) {
      return reject(new MovedError(`Node "${this.#nodeId}" is leaving`));
    }
    if (command !== undefined && this.#relay?.isFull) {
      return reject(this.#behind(call));
    }
    const job = new Job(call, handler, this, resolve, reject);
    const activation = this.#activations.get(id) ??
      this.#activate(definition, call);
    if (command !== undefined) activation.command(job);
    else activation.query(job);
  }

  /**
   * Lets go of the actors of a shard: what waits is refused as moved.
   *
   * @returns When what ran is finished; snapshots are written behind that.
   */
  async releaseShard(type: string, shard: number): Promise<void> {
    const leaving: Promise<void>[] = [];
    for (const id of [...this.#shards.get(`${type}/${shard}`) ?? []]) {
      leaving.push(this.#let(id, this.#activations.get(id)!));
    }
    await Promise.all(leaving);
  }

  /** Lets go of all actors: what waits is refused, what runs has `grace` ms to finish. */
  async close(grace: number): Promise<void> {
    this.#leaving = true;
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    const leaving = [...this.#activations].map(([id, activation]) =>
      this.#let(id, activation)
    );
    const work = Promise.all(leaving).then(() => this.#written());
    await new Promise<void>((resolve) => {
      const cancel = this.clock.timer(grace, () => {
        this.#log({
          level: "warn",
          message: "closed before every handler was done",
          node: this.#nodeId,
          after: grace,
        });
        resolve();
      });
      work.then(() => {
        cancel();
        resolve();
      });
    });
    this.deadlines.clear();
  }

  /** As {@link Surroundings.saveSnapshot}. */
  saveSnapshot(snapshot: ActorSnapshot): Promise<boolean> {
    const saving = this.#save(snapshot);
    this.#background.add(saving);
    saving.then(() => this.#background.delete(saving));
    return saving;
  }

  /** As {@link Surroundings.promise}. */
  promise(commit: PromisedCommit): Promised | undefined {
    return this.#relay?.promise(commit);
  }

  /** As {@link CommandSurroundings.onConflict}. */
  onConflict(actorId: string): void {
    this.#conflicts++;
    this.#log({
      level: "debug",
      message: "another writer was first",
      node: this.#nodeId,
      actorId,
    });
  }

  /** As {@link JobSurroundings.keepsPromises}. */
  get keepsPromises(): boolean {
    return this.#relay !== undefined;
  }

  /** As {@link Surroundings.tenure}. */
  tenure({ shard, type }: ActorAddress): Tenure {
    return this.#tenure(type, shard);
  }

  /** As {@link Surroundings.outdated}. */
  outdated({ shard, type }: ActorAddress): void {
    this.#onOutdated(type, shard);
  }

  /** Whether there is an actor of a shard of which nobody knows what became of an append. */
  hasDoubts(type: string, shard: number): boolean {
    for (const id of this.#inDoubt) {
      const address = parseActorId(id);
      if (address.type === type && address.shard === shard) return true;
    }
    return false;
  }

  /** As {@link Surroundings.isInDoubt}. */
  isInDoubt({ id }: ActorAddress): boolean {
    return this.#inDoubt.has(id);
  }

  /** As {@link Surroundings.doubt}. */
  doubt({ id }: ActorAddress, inDoubt: boolean): void {
    if (inDoubt) this.#inDoubt.add(id);
    else this.#inDoubt.delete(id);
  }

  /** As {@link JobSurroundings.failed}. */
  failed({ address, commandId, name }: Call, error: CommandFailedError): void {
    if (this.#onError === undefined) return;
    const { id: actorId, type } = address;
    const isCommand = this.definitions.get(type)?.commandHandlers.has(name);
    this.#onError({
      actorId,
      kind: isCommand ? "command" : "query",
      name,
      error,
      cause: error.cause,
      ...(isCommand ? { commandId } : {}),
    });
  }

  /** As {@link Surroundings.reloads}. */
  reloads({ id }: ActorAddress, faults: number): void {
    this.#log({
      level: "warn",
      message: "an actor is loaded anew, as its handlers fail",
      actorId: id,
      faults,
    });
  }

  /** As {@link Surroundings.cannotReplay}. */
  cannotReplay(error: QuarantinedError): void {
    this.#log({
      level: "error",
      message: "an actor cannot be replayed",
      actorId: error.details["actorId"],
      reason: error.message,
    });
  }

  async #save(snapshot: ActorSnapshot): Promise<boolean> {
    const save = this.store.saveSnapshot;
    if (save === undefined) return false;
    try {
      if (await save.call(this.store, snapshot)) this.#saved++;
      return true;
    } catch (error) {
      this.#failed++;
      const { code, message } = error as AetherError;
      this.#log({
        level: "warn",
        message: "a snapshot could not be saved",
        actorId: snapshot.actorId,
        code,
        reason: message,
      });
      // A state that is not JSON will not be the next time either.
      return code !== "invalid_argument";
    }
  }

  #activate(definition: AnyActor, { address }: Call): Activation {
    const activation = new Activation(this, definition, address);
    this.#activations.set(address.id, activation);
    const shard = `${address.type}/${address.shard}`;
    const ids = this.#shards.get(shard);
    if (ids === undefined) this.#shards.set(shard, new Set([address.id]));
    else ids.add(address.id);
    if (this.#activations.size > this.#max) this.#evict(activation);
    this.#armSweep();
    return activation;
  }

  #evict(newest: Activation): void {
    const idle = [...this.#activations]
      .filter(([, activation]) => activation.idle && activation !== newest)
      .sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
    // Some at once, so that not every new actor sorts them all again.
    const excess = this.#activations.size - this.#max;
    const count = excess + Math.floor(this.#max / 20);
    for (const [id, activation] of idle.slice(0, count)) {
      // What waits for its snapshot is in memory still: the cap is for it, too.
      const isBehind = this.#toWrite.length >= Math.max(WRITERS, this.#max / 4);
      if (isBehind) this.#skipped++;
      this.#let(id, activation, !isBehind);
    }
  }

  /** Resolves when what ran is finished; the snapshot is written behind that. */
  async #let(
    id: string,
    activation: Activation,
    withSnapshot = true,
  ): Promise<void> {
    this.#activations.delete(id);
    const { shard, type } = activation.address;
    const ids = this.#shards.get(`${type}/${shard}`);
    ids?.delete(id);
    if (ids?.size === 0) this.#shards.delete(`${type}/${shard}`);
    this.#passivated++;
    await activation.retire();
    if (!withSnapshot) return;
    this.#toWrite.push(activation);
    if (this.#writing < WRITERS) this.#write();
  }

  /** Writes snapshots of actors that have left, a few at a time. */
  async #write(): Promise<void> {
    this.#writing++;
    for (
      let activation = this.#toWrite.shift();
      activation !== undefined;
      activation = this.#toWrite.shift()
    ) await activation.snapshot();
    this.#writing--;
    if (this.#writing === 0) {
      for (const done of this.#onWritten.splice(0)) done();
    }
  }

  /** When all snapshots are written that are to be. */
  async #written(): Promise<void> {
    if (this.#writing > 0) {
      await new Promise<void>((resolve) => this.#onWritten.push(resolve));
    }
    await Promise.all([...this.#background]);
  }

  #armSweep(): void {
    if (this.#cancelSweep !== undefined || this.#leaving) return;
    this.#cancelSweep = this.clock.timer(this.#sweepEvery, () => {
      this.#cancelSweep = undefined;
      const now = this.clock.monotonic();
      for (const [id, activation] of [...this.#activations]) {
        const { passivateAfter } = activation.definition.options;
        if (activation.idle && now - activation.lastUsed >= passivateAfter) {
          this.#let(id, activation);
        }
      }
      if (this.#activations.size > 0) this.#armSweep();
    });
  }

  #behind({ name, address }: Call): OverloadedError {
    return new OverloadedError(
      `Cannot take "${name}" of "${address.id}" as node "${this.#nodeId}" is behind with what its commits promise`,
      { details: { actorId: address.id, node: this.#nodeId } },
    );
  }

  #unknownType({ name, address }: Call): InvalidArgumentError {
    const known = [...this.definitions.keys()].join(", ") || "none";
    return new InvalidArgumentError(
      `Cannot call "${name}" of "${address.id}" as node "${this.#nodeId}" has no actor type "${address.type}": its types are ${known}`,
      { details: { type: address.type, node: this.#nodeId } },
    );
  }
}

const ALONE: Tenure = Object.freeze({ generation: undefined, fence: 0 });

/** Snapshots of actors that have left, written at the same time. */
const WRITERS = 64;

function unknownName(
  definition: AnyActor,
  { name, address }: Call,
): InvalidArgumentError {
  const known = [
    ...definition.commandHandlers.keys(),
    ...definition.queryHandlers.keys(),
  ];
  return new InvalidArgumentError(
    `Cannot call "${name}" of "${address.id}" as "${definition.type}" has no such command or query: it has ${
      known.join(", ") || "none"
    }`,
    { details: { type: definition.type, name } },
  );
}

function definitionsByType(
  actors: readonly AnyActor[],
): ReadonlyMap<string, AnyActor> {
  const definitions = new Map<string, AnyActor>();
  for (const actor of actors) {
    if (!(actor?.eventHandlers instanceof Map)) {
      throw new InvalidArgumentError(
        `Cannot start with an actor that defineActor() did not make: got ${typeof actor}`,
      );
    }
    if (definitions.has(actor.type)) {
      throw new InvalidArgumentError(
        `Cannot start with two actors of type "${actor.type}"`,
      );
    }
    definitions.set(actor.type, actor);
  }
  return definitions;
}
