/**
 * What an activation remembers of the commands it answered, so that a command
 * that comes again gets its first answer again: at least the last 1,000 and
 * everything of the last 10 minutes, unless that were more than 50,000.
 */
import type {
  ActorSnapshot,
  CommandRecord,
  RememberedCommand,
} from "../event/mod.ts";
import type { StoredCommit } from "../store/mod.ts";
import { PackedCommands, timeOfId } from "./_packed_commands.ts";

/** How many commands a snapshot carries at most. */
export const IN_SNAPSHOT = 1_000;

/** The remembered commands of one actor. */
export class CommandMemory {
  /** Told of what is forgotten, for whoever wants to keep it. */
  onForget: ((forgotten: readonly RememberedCommand[]) => void) | undefined;
  // Both are made when they are needed: most actors in memory are idle.
  #packed: PackedCommands | undefined;
  /** What does not fit there, oldest first. */
  #others: Map<string, RememberedCommand> | undefined;
  #since = -Infinity;
  /** No id that was made after this time was ever forgotten. */
  #idsSince = -Infinity;

  /** How many are remembered. */
  get size(): number {
    return (this.#packed?.size ?? 0) + (this.#others?.size ?? 0);
  }

  /**
   * Nothing committed after this time (store's clock, milliseconds since 1970)
   * is missing; `-Infinity` when the memory holds all that ever was.
   */
  get since(): number {
    return this.#since;
  }

  /**
   * Whether a command would be found if it had ever been answered: as nothing was
   * ever forgotten, or no id as young as this one. That holds whatever the clocks of
   * nodes and callers say, as ids are compared with ids only.
   */
  wouldRemember(id: string): boolean {
    if (this.#since === -Infinity) return true;
    const made = timeOfId(id);
    return made !== undefined && made > this.#idsSince;
  }

  /** Finds a command by its id. */
  get(id: string): RememberedCommand | undefined {
    return this.#packed?.get(id) ?? this.#others?.get(id);
  }

  /** Begins anew with what a snapshot remembered. */
  restore(snapshot: ActorSnapshot): void {
    this.clear();
    const { commandIdsSince, commands = [], commandsSince } = snapshot;
    let events = 0;
    for (const command of commands) {
      this.#keep(command);
      events += command.events;
    }
    if (commandsSince === 0) return;
    // One of an earlier release may not say since when: but none was ever left out of
    // a list this short, and no event has another origin.
    const isWhole = commandsSince === undefined &&
      commands.length < IN_SNAPSHOT && events === snapshot.version;
    if (isWhole) return;
    this.#since = commandsSince ?? commands[0]?.at ??
      snapshot.timestamp.getTime();
    this.#idsSince = commandIdsSince ?? this.#since + CLOCK_SKEW;
  }

  /** Begins anew with nothing, at the beginning of the log. */
  clear(): void {
    this.#packed = undefined;
    this.#others = undefined;
    this.#since = -Infinity;
    this.#idsSince = -Infinity;
  }

  /** Remembers what a commit answered. */
  addCommit(commit: StoredCommit): void {
    const { commands, at } = commit;
    let version = commit.version - commit.events.length;
    for (const command of commands) {
      version += command.events;
      this.add(command, version, at);
    }
  }

  /** Remembers one command. */
  add(command: CommandRecord, version: number, at: number): void {
    // The first answer is the one that counts.
    if (this.get(command.id) === undefined) this.addNew(command, version, at);
  }

  /** Remembers one command that is known not to be remembered. */
  addNew(command: CommandRecord, version: number, at: number): void {
    const { id, events, rejected } = command;
    this.#keep(
      rejected === undefined
        ? { id, events, version, at }
        : { id, events, rejected, version, at },
    );
    if (this.size > LEAST) this.#forget(at);
  }

  /** The newest ones in order, for a snapshot, and what is missing there. */
  newest(): Required<
    Pick<ActorSnapshot, "commands" | "commandsSince" | "commandIdsSince">
  > {
    const packed = this.#packed?.newest(IN_SNAPSHOT + 1);
    const all = packed?.commands ?? [];
    if (this.#others !== undefined) {
      all.push(...this.#others.values());
      all.sort((a, b) => a.version - b.version);
    }
    const left = all.splice(0, Math.max(0, all.length - IN_SNAPSHOT));
    let since = this.#since;
    let idsSince = Math.max(this.#idsSince, packed?.idsBefore ?? -Infinity);
    for (const { at, id } of left) {
      since = Math.max(since, at);
      idsSince = Math.max(idsSince, timeOfId(id) ?? -Infinity);
    }
    return {
      commands: all,
      commandsSince: Math.max(0, since),
      commandIdsSince: Math.max(0, idsSince),
    };
  }

  #keep(command: RememberedCommand): void {
    if ((this.#packed ??= new PackedCommands()).add(command)) return;
    (this.#others ??= new Map()).set(command.id, command);
  }

  #forget(now: number): void {
    for (;;) {
      const chunk = this.#packed?.oldest;
      const other: RememberedCommand | undefined = this.#others?.values().next()
        .value;
      const isPacked = other === undefined ||
        (chunk !== undefined && chunk.at <= other.at);
      const at = isPacked ? chunk!.at : other.at;
      // Packed ones go together. Some of those may be older than any other.
      const left = this.size - (chunk?.size ?? 0) - (isPacked ? 0 : 1);
      if (left < LEAST || (at > now - AT_LEAST_MS && left < MOST_COMMANDS)) {
        return;
      }
      this.onForget?.(isPacked ? this.#packed!.oldestOnes() : [other]);
      const made = isPacked ? chunk!.youngest : timeOfId(other.id);
      if (isPacked) this.#packed!.forgetOldest();
      else this.#others!.delete(other.id);
      this.#since = Math.max(this.#since, at);
      this.#idsSince = Math.max(this.#idsSince, made ?? -Infinity);
    }
  }
}

const LEAST = 1_000;
/** How many are remembered at most. */
export const MOST_COMMANDS = 50_000;
/** For how many milliseconds each is remembered, unless they are too many. */
export const AT_LEAST_MS = 600_000;
/** How far apart the wall clocks of nodes and callers may be, in milliseconds. */
export const CLOCK_SKEW = 60_000;
