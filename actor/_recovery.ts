/**
 * Puts into the inbox what the log promises and the inbox may not hold.
 *
 * The log is the truth: each send and each timer is in the commit that promised it,
 * and each command that was carried out in the commit that answers it. What is
 * promised and not answered has to be in the inbox. As long as the inbox is the one
 * that was written along with this log, it is there, or swept from the marks; not
 * where one of the two was restored from a backup, or made anew. The copy that the
 * server makes of a stream holds what was stored when it began, but for what was
 * removed or replaced before its turn came: an alarm that rang meanwhile is in it
 * neither as alarm nor as command, and a mark that was moved is not in it at all.
 *
 * So an inbox says for which lives of log and inbox it vouches. Where that is not
 * so, the first node that starts, or each of several, reads the log once from its
 * beginning, before it takes part in anything, and puts there what is open; it does
 * no harm to what is there already, as all of it has the ids it had. A node that
 * dies meanwhile leaves the inbox unvouched for, and the next one does it again.
 */
import { type AetherError, effectId } from "../event/mod.ts";
import type {
  ActorCommit,
  DurableCommand,
  EffectStore,
  Mark,
} from "../store/mod.ts";
import type { Log } from "./log.ts";
import type { Outbox } from "./_outbox.ts";
import { firedCommand, sentCommand, toldId } from "./_promised.ts";

/** What recovery works with. */
export interface RecoveryOptions {
  /** The log, and the inbox. */
  readonly store: EffectStore;
  /** Puts things into the inbox until they are there. */
  readonly outbox: Outbox;
  /** Who is told. */
  readonly log: Log;
}

/** The mark that is no node's: for which lives of log and inbox all is in the inbox. */
export const ORIGIN = "origin";

/** Puts what is open into an inbox that does not vouch for this log. */
export async function recoverInbox(options: RecoveryOptions): Promise<void> {
  const { log, outbox, store } = options;
  const { inbox, origin } = store;
  if (origin === undefined) return;
  const mark = await outbox.untilDone(
    "for which log the inbox vouches",
    () => inbox.mark(ORIGIN),
  );
  if (mark?.covers[0] === origin) return;
  const last = await outbox.untilDone(
    "where the log ends",
    () => store.lastSequence(),
  );
  if (last > 0) {
    const open = await outbox.untilDone(
      "what is open in the log",
      () => openIn(store),
    );
    const put = await putBack(open, options);
    log({ level: "info", message: "the inbox was held against the log", put });
  }
  await outbox.untilDone(
    "for which log the inbox vouches",
    () => inbox.setMark(ORIGIN, vouchingFor(origin)),
  );
}

/** A command that was promised, and has no answer in the log. */
export interface OpenCommand {
  /** The command. */
  readonly command: DurableCommand;
  /** When it is due, milliseconds since 1970; absent for at once. */
  readonly at?: number;
}

/** Finds what the log promises and does not answer, in the order in which it was promised. */
export async function openIn(
  store: Pick<EffectStore, "commits">,
): Promise<OpenCommand[]> {
  const promised = new Promised();
  for await (const commit of store.commits({ from: 1 })) promised.take(commit);
  return promised.open;
}

class Promised {
  readonly #open = new Map<string, OpenCommand>();
  /** By the id of what the sender is told of a rejection: what was rejected. */
  readonly #told = new Map<string, string>();

  get open(): OpenCommand[] {
    return [...this.#open.values()];
  }

  take({ actorId, commands, commitId, effects = [] }: ActorCommit): void {
    for (const { id, rejected } of commands) {
      this.#answered(id, rejected !== undefined);
    }
    for (const [i, effect] of effects.entries()) {
      const id = effectId(commitId, i);
      switch (effect.kind) {
        case "send": {
          const command = sentCommand(actorId, id, effect);
          this.#open.set(id, { command });
          if (effect.onRejected !== undefined) this.#told.set(toldId(id), id);
          break;
        }
        case "schedule": {
          const command = firedCommand(actorId, id, effect);
          if (effect.replaces !== undefined) this.#open.delete(effect.replaces);
          this.#open.set(id, { command, at: effect.at });
          break;
        }
        case "cancel":
          this.#open.delete(effect.id);
      }
    }
  }

  #answered(id: string, isRejected: boolean): void {
    const about = this.#told.get(id);
    if (about !== undefined) {
      this.#told.delete(id);
      this.#open.delete(about);
    }
    const open = this.#open.get(id);
    if (open === undefined) return;
    // The target has refused it, and knows that it has: asked again it tells again.
    if (isRejected && open.command.onRejected !== undefined) return;
    this.#told.delete(toldId(id));
    this.#open.delete(id);
  }
}

async function putBack(
  open: readonly OpenCommand[],
  { log, outbox, store: { inbox } }: RecoveryOptions,
): Promise<number> {
  if (open.length === 0) return 0;
  const parked = await outbox.untilDone(
    "what is parked",
    () => inbox.parked(),
  );
  // What is parked waits for whoever decides about it.
  const known = new Set(parked.map(({ command }) => command.commandId));
  let put = 0;
  for (const { at, command } of open) {
    const { actorId, commandId } = command;
    if (known.has(commandId)) continue;
    try {
      if (at === undefined) await outbox.sendDurable(command);
      else {
        await outbox.untilDone(
          `timer "${command.timer!.name}" of "${actorId}"`,
          () => inbox.setAlarm(command, at),
        );
      }
      put++;
    } catch (error) {
      const { code, message: reason } = error as AetherError;
      if (code === "closed") throw error;
      // As when it was promised: nothing that is tried again would go another way.
      const message = "what a commit promises could not be carried out";
      log({ level: "error", message, actorId, commandId, code, reason });
    }
  }
  return put;
}

// Read as a node's mark it leaves nothing to be swept.
function vouchingFor(origin: string): Mark {
  return { sequence: Number.MAX_SAFE_INTEGER, covers: [origin] };
}
