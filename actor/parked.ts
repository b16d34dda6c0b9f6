/** What could not be carried out, for whoever runs the system. */
import { parseActorId, StoreUnavailableError } from "../event/mod.ts";
import type { EffectStore, FoundParked, Inbox } from "../store/mod.ts";

/** Which parked commands are meant; all conditions have to hold. */
export interface ParkedCommandsChoice {
  /** One by its id. */
  readonly commandId?: string;
  /** Those for one actor, such as `account-ada`. */
  readonly actorId?: string;
  /** Those from one source: an actor, a timer as `account-ada#<name>`, a policy. */
  readonly source?: string;
}

/**
 * Durable commands that were parked.
 *
 * @example A command that was rejected, and nobody was told
 * ```ts
 * import { Aether, defineActor, Rejected } from "@flowmade/aether";
 * import assert from "node:assert/strict";
 *
 * const Door = defineActor("door", { state: () => ({}), events: {} }).commands({
 *   open() {
 *     throw new Rejected("locked");
 *   },
 * });
 * const Visitor = defineActor("visitor", { state: () => ({}), events: {} }).commands({
 *   come: (_s, door: string, ctx) => ctx.send(Door, door).open(),
 * });
 * await using aether = await Aether.start({ namespace: "house", actors: [Door, Visitor] });
 * await aether.actor(Visitor, "eve").come("front");
 *
 * let parked = await aether.parked().list();
 * while (parked.length === 0) parked = await aether.parked().list();
 * assert.equal(parked[0]!.command.actorId, "door-front");
 * assert.equal(parked[0]!.because, "rejected");
 * ```
 */
export class ParkedCommands {
  readonly #inbox: Inbox;

  /** Looks into an inbox. */
  constructor(inbox: Inbox) {
    this.#inbox = inbox;
  }

  /** Lists them, in the order in which they came to the inbox. */
  async list(
    choice: ParkedCommandsChoice = {},
  ): Promise<readonly FoundParked[]> {
    const { actorId, commandId, source } = choice;
    const id = actorId === undefined ? undefined : parseActorId(actorId).id;
    const all = await this.#inbox.parked();
    return all.filter(({ command }) =>
      (id === undefined || command.actorId === id) &&
      (commandId === undefined || command.commandId === commandId) &&
      (source === undefined || command.source === source)
    );
  }

  /**
   * Has them carried out again, in order; what fails again stays parked. Those that
   * were rejected are passed over: a rejection stands.
   *
   * @returns How many; it happens soon, where the actor lives.
   */
  replay(choice: ParkedCommandsChoice = {}): Promise<number> {
    return this.#order("replay", choice);
  }

  /**
   * Gives them up. It is stored with the actor that each is rejected as `dropped`,
   * so that it can never be carried out any more; whoever asked to be told of a
   * rejection is. One that turns out to have been done stays done.
   *
   * @returns How many; it happens soon, where the actor lives.
   */
  drop(choice: ParkedCommandsChoice = {}): Promise<number> {
    return this.#order("drop", choice);
  }

  async #order(
    parked: "replay" | "drop",
    choice: ParkedCommandsChoice,
  ): Promise<number> {
    let count = 0;
    for (const { because, command } of await this.list(choice)) {
      if (parked === "replay" && because === "rejected") continue;
      const { actorId, commandId, source } = command;
      await this.#inbox.put({
        commandId,
        actorId,
        command: command.command,
        source,
        parked,
      });
      count++;
    }
    return count;
  }
}

/**
 * The inbox beside a store.
 *
 * @throws {StoreUnavailableError} `store_unavailable`: that store has none.
 */
export function inboxOf(store: unknown, what: string): Inbox {
  const { inbox } = store as Partial<EffectStore>;
  if (inbox !== undefined) return inbox;
  throw new StoreUnavailableError(
    `Cannot look for ${what} as the store given to this system has no inbox`,
  );
}
