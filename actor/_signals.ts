/**
 * Leaving on SIGTERM and SIGINT: one listener a process for all systems in it.
 *
 * When all are closed, the signal is sent again, and as nobody listens any more it
 * ends the process as it would have, with the status that says so. Where the
 * application listens too, how the process ends is left to it. A second signal
 * while systems are closing is not held up.
 */
import process from "node:process";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
const closers = new Set<() => Promise<void>>();
let closing = false;

/**
 * Has a system closed when the process is told to end.
 *
 * @returns Takes it back.
 */
export function closeOnSignals(
  close: () => Promise<void>,
): () => Promise<void> {
  if (closers.size === 0) {
    for (const signal of SIGNALS) process.on(signal, onSignal);
  }
  closers.add(close);
  return () => {
    if (closers.delete(close) && closers.size === 0) stopListening();
    return Promise.resolve();
  };
}

async function onSignal(signal: "SIGTERM" | "SIGINT"): Promise<void> {
  if (closing) return end(signal);
  closing = true;
  await Promise.allSettled([...closers].map((close) => close()));
  closing = false;
  end(signal);
}

function end(signal: "SIGTERM" | "SIGINT"): void {
  stopListening();
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

function stopListening(): void {
  for (const signal of SIGNALS) process.off(signal, onSignal);
}
