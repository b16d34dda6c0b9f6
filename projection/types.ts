/** What a projection is asked with, and what it tells. */
import type { AetherError, StoredEvent } from "../event/mod.ts";
import type { CallOptions } from "../store/mod.ts";

export type { CallOptions } from "../store/mod.ts";

/**
 * Something that was stored: the result of a command or an append, a stored event,
 * or a sequence of the log.
 */
export type Receipt =
  | number
  | Pick<StoredEvent, "actorId" | "eventType" | "sequence">
  | {
    readonly events: readonly Pick<
      StoredEvent,
      "actorId" | "eventType" | "sequence"
    >[];
  };

/** How a projection is doing in this process. */
export interface ProjectionStatus {
  /** Whether this process is the one that folds. */
  readonly active: boolean;
  /** The sequence of the log up to which it has folded; 0 where it has not. */
  readonly position: number;
  /** What it cannot fold, as long as it tries again. */
  readonly failure?: AetherError;
}

/** A document of a projection that has one for each key. */
export interface ViewDocument<View> {
  /** Its key. */
  readonly key: string;
  /** The document. */
  readonly value: View;
}

/** What every projection can be asked. */
export interface AnyView {
  /** Its name. */
  readonly name: string;
  /**
   * Waits until the view shows what a receipt tells of; at once where no handler is
   * for it. Without a receipt, until it shows all that is stored by now.
   *
   * @throws {DeadlineExceededError} `deadline_exceeded`: it does not yet.
   * @throws {AetherError} What keeps this process from folding that far.
   */
  caughtUpTo(receipt?: Receipt, options?: CallOptions): Promise<void>;
  /** How it is doing in this process. */
  status(): ProjectionStatus;
}

/** A projection of one document. */
export interface OneView<View> extends AnyView {
  /** Reads the document, as it was stored last; the first one where none is. */
  get(options?: CallOptions): Promise<View>;
}

/** A projection of a document for each key. */
export interface ManyViews<View> extends AnyView {
  /** Reads a document, as it was stored last; undefined where there is none. */
  get(key: string, options?: CallOptions): Promise<View | undefined>;
  /** Reads all documents, in no order; what changes meanwhile may come in either state. */
  list(options?: CallOptions): AsyncIterable<ViewDocument<View>>;
}
