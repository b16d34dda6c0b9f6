import { setImmediate } from "node:timers";

/**
 * Lets everything happen that waits for nothing but promises: a runtime gets to
 * its next task only when no promise is left to be answered.
 */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => resolve());
  });
}
