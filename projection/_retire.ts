/**
 * Removing what older versions of a projection have stored, once a newer one has
 * caught up. While a process still runs an older one, it keeps its view: whoever
 * wants to remove it waits in line for its seat, which it gets when the last of
 * them has left.
 */
import type { ProjectionPorts } from "./_runner.ts";
import { seatOf } from "./_runner.ts";
import type { AnyProjection } from "./definition.ts";

/** Waits for the seats of the older versions, and removes what they have stored. */
export async function retireOlder(
  { name, version }: AnyProjection,
  { bus, log, namespace, views }: ProjectionPorts,
  signal: AbortSignal,
): Promise<void> {
  for (const older of await views.versions(name)) {
    if (older >= version || signal.aborted) continue;
    const view = { name, version: older };
    const durable = seatOf(view);
    let wake = () => {};
    const seat = bus.seat(namespace, durable, { onChange: () => wake() });
    signal.addEventListener("abort", () => wake(), { once: true });
    try {
      while (
        seat.term === 0 && seat.failure === undefined && !signal.aborted
      ) await new Promise<void>((resolve) => wake = resolve);
      if (seat.term > 0 && !signal.aborted) await views.remove(view);
    } finally {
      await seat.close();
    }
    if (seat.failure !== undefined) throw seat.failure;
    if (signal.aborted) return;
    await bus.forget(namespace, durable);
    log({
      level: "info",
      message: "an older version was removed",
      ...{ projection: name, version: older },
    });
  }
}
