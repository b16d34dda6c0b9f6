/**
 * Copies and freezes: how nothing that a handler or a caller keeps hold of can
 * change a state or an event behind the runtime's back. Both walk small values,
 * and freezing stops at what is frozen already, so a state that shares its
 * unchanged parts with the one before it costs only what is new.
 */

/**
 * Freezes plain objects and arrays all the way down; other objects (a Map, a
 * class instance) are left as they are, as a state need not be JSON.
 */
export function freezeDeep<T>(value: T): T {
  if (
    typeof value !== "object" || value === null || Object.isFrozen(value)
  ) return value;
  if (Array.isArray(value)) {
    Object.freeze(value);
    for (const item of value) freezeDeep(item);
    return value;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  Object.freeze(value);
  for (const key of Object.keys(value)) {
    freezeDeep((value as Record<string, unknown>)[key]);
  }
  return value;
}

/** About how many bytes a JSON value takes; what is not ASCII counts as if it were. */
export function jsonSize(value: unknown): number {
  if (typeof value === "string") return value.length + 3;
  if (typeof value !== "object" || value === null) return 8;
  let size = 2;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) size += jsonSize(value[i]);
    return size;
  }
  for (const key in value) {
    size += key.length + 3 + jsonSize((value as Record<string, unknown>)[key]);
  }
  return size;
}
