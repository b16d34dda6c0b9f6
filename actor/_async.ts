/** Which handlers return something to wait for, as far as can be known before they are called. */
import type { AnyHandler } from "./definition.ts";

const AsyncFunction = (async () => {}).constructor as new () => object;
const seen = new WeakSet<object>();

/** Whether a handler is known to be async. */
export function isAsync(handler: AnyHandler): boolean {
  return handler instanceof AsyncFunction || seen.has(handler);
}

/** Remembers a handler as async; as another one, if it is but a cover of that. */
export function noteAsync(handler: AnyHandler, cover?: unknown): void {
  if (cover === undefined || cover instanceof AsyncFunction) seen.add(handler);
}

/** Whether a handler returned something to wait for. */
export function isThenable<T>(
  value: T | PromiseLike<T>,
): value is PromiseLike<T> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}
