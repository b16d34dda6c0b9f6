/** What the parts of the NATS bus share. */
import {
  AetherError,
  type Clock,
  ClosedError,
  type EventCodec,
  StoreUnavailableError,
  streamNames,
} from "../event/mod.ts";
import {
  Deadline,
  faultToError,
  type JetStreamApi,
  type Link,
  refusalToError,
} from "../nats/mod.ts";
import type { CoreHub } from "./_core_hub.ts";
import type { Filter } from "./_filter.ts";
import type { Reaper } from "./_reaper.ts";

/** What the parts of the NATS bus work with. */
export interface BusContext {
  readonly link: Link;
  readonly api: JetStreamApi;
  readonly clock: Clock;
  /** Whether a stream may be created. */
  readonly provision: boolean;
  readonly codec: EventCodec;
  readonly hub: CoreHub;
  readonly reaper: Reaper;
}

/** Where a namespace's stream ends, and which life of it that is. */
export interface StreamEnd {
  /** When the stream was made; absent where there is none. */
  readonly created: unknown;
  /** The last sequence that a filter covers; 0 for none. */
  readonly sequence: number;
}

/** Asks the leader where a namespace's stream ends. */
export async function streamEnd(
  { api }: BusContext,
  namespace: string,
  filter: Filter,
  deadline: Deadline,
): Promise<StreamEnd> {
  const stream = streamNames(namespace).events;
  const info = await api.streamInfo(stream, deadline);
  if (info === undefined) return { created: undefined, sequence: 0 };
  const { created } = info;
  if (filter.isNarrow) {
    const last = await api.last(stream, filter.stored(namespace), deadline);
    return { created, sequence: last?.sequence ?? 0 };
  }
  const { last_seq } = info["state"] as { last_seq: number };
  return { created, sequence: last_seq };
}

/** Time for one look at the server. */
export function lookDeadline(
  { clock }: BusContext,
  signal?: AbortSignal,
): Deadline {
  return new Deadline(clock, 10_000, signal);
}

/** What a user catches, whatever was thrown. */
export function busError(error: unknown, action: string): AetherError {
  const known = refusalToError(faultToError(error, action), action);
  if (known instanceof AetherError) return known;
  return new StoreUnavailableError(
    `${action}: ${known instanceof Error ? known.message : String(known)}`,
    { cause: error },
  );
}

/** Whether trying again can help. */
export function isPassing(error: AetherError): boolean {
  return error.retryable && !(error instanceof ClosedError);
}

/** Milliseconds to wait behind so many failures: 50 ms to 5 s, spread out. */
export function reconnectDelay(failures: number): number {
  const most = Math.min(5_000, 50 * 2 ** Math.min(failures, 10));
  return most / 2 + Math.random() * most / 2;
}

/** Waits; resolves early when the signal ends it. */
export function pause(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.timer(ms, end);
    signal.addEventListener("abort", end, { once: true });
  });
}
