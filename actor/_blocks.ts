/**
 * What blocks durable commands of a shard: behind one that is parked, no later one
 * of the same source goes to the same actor, so that order is kept.
 */
import type { FoundParked, InboxCommand } from "../store/mod.ts";

/** Whose command it is, and for whom. */
type Way = Pick<InboxCommand, "actorId" | "source">;

/** Parked commands that block what comes behind them. */
export class Blocks {
  /** Ids of parked commands, by actor and source. */
  readonly #ids = new Map<string, Set<string>>();

  /** Whether something is parked before a command. */
  has(command: Way): boolean {
    return this.#ids.has(wayOf(command));
  }

  /** A command is parked. */
  add({ because, command }: Pick<FoundParked, "because" | "command">): void {
    // What was rejected has come to an end: order is kept.
    if (because === "rejected") return;
    const way = wayOf(command);
    const ids = this.#ids.get(way) ?? new Set();
    ids.add(command.commandId);
    this.#ids.set(way, ids);
  }

  /** A command is parked no more. */
  remove({ command }: Pick<FoundParked, "command">): void {
    const way = wayOf(command);
    const ids = this.#ids.get(way);
    ids?.delete(command.commandId);
    if (ids?.size === 0) this.#ids.delete(way);
  }
}

function wayOf({ actorId, source }: Way): string {
  return `${actorId} ${source}`;
}
