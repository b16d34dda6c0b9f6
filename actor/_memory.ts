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

/** How many commands a snapshot carries at most. */
export const IN_SNAPSHOT = 1_000;

/** The remembered commands of one actor, oldest first. */
export class CommandMemory {
  readonly #commands = new Map<string, RememberedCommand>();
  #since = -Infinity;

  /** How many are remembered. */
  get size(): number {
    return this.#commands.size;
  }

  /**
   * Nothing committed after this time (store's clock, milliseconds since 1970)
   * is missing; `-Infinity` when the memory holds all that ever was.
   */
  get since(): number {
    return this.#since;
  }

  /** Finds a command by its id. */
  get(id: string): RememberedCommand | undefined {
    return this.#commands.get(id);
  }

  /** Begins anew with what a snapshot remembered. */
  restore(snapshot: ActorSnapshot): void {
    this.#commands.clear();
    const commands = snapshot.commands ?? [];
    for (const command of commands) this.#commands.set(command.id, command);
    this.#since = commands[0]?.at ?? snapshot.timestamp.getTime();
  }

  /** Begins anew with nothing, at the beginning of the log. */
  clear(): void {
    this.#commands.clear();
    this.#since = -Infinity;
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
    if (this.#commands.has(command.id)) return;
    const { id, events, rejected } = command;
    this.#commands.set(
      id,
      rejected === undefined
        ? { id, events, version, at }
        : { id, events, rejected, version, at },
    );
    if (this.#commands.size > LEAST) this.#forget(at);
  }

  /** The newest ones, for a snapshot. */
  newest(): RememberedCommand[] {
    const all = [...this.#commands.values()];
    return all.length <= IN_SNAPSHOT ? all : all.slice(-IN_SNAPSHOT);
  }

  #forget(now: number): void {
    for (const [id, command] of this.#commands) {
      const { size } = this.#commands;
      const young = command.at > now - AT_LEAST_MS;
      if (size <= LEAST || (young && size <= MOST)) return;
      this.#commands.delete(id);
      this.#since = Math.max(this.#since, command.at);
    }
  }
}

const LEAST = 1_000;
const MOST = 50_000;
const AT_LEAST_MS = 600_000;
