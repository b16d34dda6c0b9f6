/** What handlers are told beside the state and their input. */
import type { AnyActor, TypeName } from "./definition.ts";
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
