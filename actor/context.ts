/** What handlers are told beside the state and their input. */
import type { AnyActor, TypeName } from "./definition.ts";
import type { Notice, SendOptions, SendRef } from "./effects.ts";
import type { ActorRef } from "./reference.ts";

/** What a command's handler is told beside the state and its input. */
export interface CommandContext {
  /** Whose command it is, such as `account-ada`. */
  readonly actorId: string;
  /** The actor's key, such as `ada`. */
  readonly key: string;
  /** The actor's version before this command. */
  readonly version: number;
  /** The command's id, the same however often the call is tried. */
  readonly commandId: string;
  /** Shared by all that one outside request set off; the command's own id for the first. */
  readonly correlationId: string;
  /** What led to the command, where that is known. */
  readonly causationId: string | undefined;
  /** The time of the decision; its events carry it. */
  readonly now: Date;
  /** Aborts when the deadline passes or the caller gives up; then nothing is stored any more. */
  readonly signal: AbortSignal;
  /**
   * Refers to another actor. Calls carry this call's deadline, chain and
   * correlation; a chain that comes back to an actor waiting in it fails at once
   * with `cycle`. The handler holds its mailbox while it waits, and runs again
   * when another writer came first: calls to other actors are then repeated
   * under the same ids, so they take effect once.
   */
  actor<Definition extends AnyActor>(
    definition: Definition | TypeName<Definition>,
    key: string,
  ): ActorRef<Definition>;
  /**
   * Sends a command to another actor, as part of this decision: stored with its
   * events or not at all, and then carried out once, whatever dies meanwhile; in
   * order from this actor to that one. Nobody waits for it. A decision that is
   * rejected or fails sends nothing.
   *
   * @example Money that leaves one account arrives at another, or comes back
   * ```ts ignore
   * transfer(s, c: { to: string; amount: number }, ctx) {
   *   if (c.amount > s.balance) throw new Rejected("insufficient_funds");
   *   ctx.send(Account, c.to, { onRejected: "refund" }).deposit({ amount: c.amount });
   *   return { type: "Withdrawn", data: { amount: c.amount } };
   * },
   * ```
   */
  send<Definition extends AnyActor>(
    definition: Definition | TypeName<Definition>,
    key: string,
    options?: SendOptions,
  ): SendRef<Definition>;
  /**
   * Sets a timer, as part of this decision: a command of this actor, at a time or
   * after so many milliseconds. One timer of each name is live: this one takes the
   * place of the one before. It fires once, to the quarter of a second; one that
   * was missed fires late, at once.
   *
   * @param timer Its name: 1 to 64 characters.
   * @param when A date, or how long after this decision.
   * @param command A command of this actor.
   * @param input Its input.
   */
  schedule(
    timer: string,
    when: Date | { readonly after: number },
    command: string,
    input?: unknown,
  ): void;
  /** Cancels a timer, as part of this decision; harmless where it is not live. */
  cancel(timer: string): void;
  /** Sends a notice on the bus, once this decision is stored. */
  publish(notice: Notice): void;
}

/** What a query's handler is told beside the state and its input. */
export interface QueryContext {
  /** Whose state it is, such as `account-ada`. */
  readonly actorId: string;
  /** The actor's key, such as `ada`. */
  readonly key: string;
  /** The version the state is of. */
  readonly version: number;
  /** The time of the query. */
  readonly now: Date;
}
