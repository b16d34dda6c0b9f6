// The walk behind assertJson, parseJson and the codec. It knows two kinds of
// values: a caller's, which may be anything, and JSON.parse's, which is plain all
// through, so that half of the questions need not be asked.

/** How deep objects and arrays may nest. */
export const MAX_DEPTH = 64;
/** How many keys one object may have. */
export const MAX_KEYS = 10_000;

/** What JSON would change, and where. */
export interface Fault {
  /** Steps from the value up to the root. */
  readonly path: string[];
  readonly rule: string;
}

/** Names the place of a fault, such as `data.lines[3]`. */
export function placeOf(fault: Fault, root: string): string {
  return root + fault.path.toReversed().join("");
}

/**
 * Copies a value that has no fault, frozen all the way down: it cannot get one
 * any more, so the copy is remembered as looked through. {@link UNSOUND} where it
 * has one, or may have: {@link findFault} knows.
 */
export function copySound(value: unknown): unknown {
  // What somebody gave to all objects would be taken for keys of each.
  for (const _ in Object.prototype) return UNSOUND;
  return remember(soundCopy(value, 0));
}

/** As {@link copySound}, of a value in which {@link findFault} found nothing. */
export function copyFrozen(value: unknown): unknown {
  if (typeof value === "object" && value !== null && KNOWN.has(value)) {
    return value;
  }
  return remember(copyOf(value));
}

/** No copy, as the value has a fault, or may have. */
export const UNSOUND: unique symbol = Symbol("unsound");

function remember(copy: unknown): unknown {
  if (typeof copy === "object" && copy !== null) KNOWN.add(copy);
  return copy;
}

// Looking and copying in one walk takes half of what two take. Engines copy an
// object at once faster than key by key, and go faster through the keys of many
// objects made alike with for-in than with Object.keys.
function soundCopy(value: unknown, depth: number): unknown {
  if (typeof value !== "object") return isSoundValue(value) ? value : UNSOUND;
  if (value === null || (depth === 0 && KNOWN.has(value))) return value;
  if (depth >= MAX_DEPTH) return UNSOUND;
  if (Array.isArray(value)) {
    if (notPlainArray(value) !== undefined) return UNSOUND;
    const copy: unknown[] = [];
    for (let i = 0; i < value.length; i++) {
      const item = soundCopy(value[i], depth + 1);
      if (item === UNSOUND) return UNSOUND;
      copy.push(item);
    }
    return Object.freeze(copy);
  }
  if (notPlainObject(value) !== undefined) return UNSOUND;
  const copy: Record<string, unknown> = { ...value };
  let keys = 0;
  for (const key in copy) {
    if (++keys > MAX_KEYS || isUnsafeKey(key) || !key.isWellFormed()) {
      return UNSOUND;
    }
    const part = copy[key];
    if (typeof part !== "object") {
      if (!isSoundValue(part)) return UNSOUND;
    } else if (part !== null) {
      const copied = soundCopy(part, depth + 1);
      if (copied === UNSOUND) return UNSOUND;
      copy[key] = copied;
    }
  }
  return Object.freeze(copy);
}

function isSoundValue(value: unknown): boolean {
  switch (typeof value) {
    case "string":
      return value.isWellFormed();
    case "number":
      return isSoundNumber(value);
    default:
      return typeof value === "boolean";
  }
}

// Infinity less itself is no number; one by -0 is below 0.
function isSoundNumber(value: number): boolean {
  return value === 0 ? 1 / value > 0 : value - value === 0;
}

function copyOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(copyOf));
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    copy[key] = copyOf((value as Record<string, unknown>)[key]);
  }
  return Object.freeze(copy);
}

/**
 * Finds the first thing in a value that JSON would not give back as it is.
 *
 * @param depth How many levels stand around the value; below 0 allows so many more.
 * @param parsed The value comes from JSON.parse, so that it is plain all through.
 */
export function findFault(
  value: unknown,
  depth: number,
  parsed: boolean,
): Fault | undefined {
  switch (typeof value) {
    case "string":
      return value.isWellFormed()
        ? undefined
        : fault("it holds a lone surrogate");
    case "number":
      if (!Number.isFinite(value)) return fault(`${value} has no JSON form`);
      return Object.is(value, -0) ? fault("-0 becomes 0") : undefined;
    case "boolean":
      return undefined;
    case "object":
      break;
    case "undefined":
      return fault("undefined is dropped; leave the key out or use null");
    default:
      return fault(`a ${typeof value} has no JSON form`);
  }
  if (value === null) return undefined;
  if (depth === 0 && KNOWN.has(value)) return undefined;
  if (depth >= MAX_DEPTH) return fault(`more than ${MAX_DEPTH} levels deep`);
  return Array.isArray(value)
    ? (parsed ? undefined : notPlainArray(value)) ??
      findInItems(value, depth, parsed)
    : (parsed ? undefined : notPlainObject(value)) ??
      findInKeys(value, depth, parsed);
}

/**
 * Whether {@link findFault} finds nothing in a value of JSON.parse's: the same
 * questions without the words. Where it says no, ask there: it may be too strict.
 *
 * @param wellFormed No text in it can hold a lone surrogate.
 */
export function isSound(
  value: unknown,
  depth: number,
  wellFormed: boolean,
): boolean {
  switch (typeof value) {
    case "string":
      return wellFormed || value.isWellFormed();
    case "number":
      return isSoundNumber(value);
    case "object":
      break;
    default:
      return true;
  }
  if (value === null) return true;
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (!isSound(value[i], depth + 1, wellFormed)) return false;
    }
    return true;
  }
  let keys = 0;
  // Engines remember the keys of objects made alike, which Object.keys copies.
  for (const key in value) {
    if (
      ++keys > MAX_KEYS || isUnsafeKey(key) ||
      !(wellFormed || key.isWellFormed()) ||
      !isSound((value as Record<string, unknown>)[key], depth + 1, wellFormed)
    ) return false;
  }
  return true;
}

/**
 * As {@link isSound}, of a caller's value: whether {@link findFault} surely finds
 * nothing in it.
 */
export function isSoundGiven(value: unknown, depth = 0): boolean {
  if (typeof value !== "object") return isSoundValue(value);
  if (value === null || (depth === 0 && KNOWN.has(value))) return true;
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(value)) {
    if (notPlainArray(value) !== undefined) return false;
    for (let i = 0; i < value.length; i++) {
      if (!isSoundGiven(value[i], depth + 1)) return false;
    }
    return true;
  }
  if (notPlainObject(value) !== undefined) return false;
  let keys = 0;
  for (const key in value) {
    if (
      ++keys > MAX_KEYS || isUnsafeKey(key) || !key.isWellFormed() ||
      !isSoundGiven((value as Record<string, unknown>)[key], depth + 1)
    ) return false;
  }
  return true;
}

function findInItems(
  array: readonly unknown[],
  depth: number,
  parsed: boolean,
): Fault | undefined {
  for (let i = 0; i < array.length; i++) {
    const found = findFault(array[i], depth + 1, parsed);
    if (found !== undefined) {
      found.path.push(`[${i}]`);
      return found;
    }
  }
  return undefined;
}

function findInKeys(
  object: object,
  depth: number,
  parsed: boolean,
): Fault | undefined {
  const keys = Object.keys(object);
  if (keys.length > MAX_KEYS) return fault(`more than ${MAX_KEYS} keys`);
  for (const key of keys) {
    if (isUnsafeKey(key)) {
      return fault(`a key no payload may have: ${key}`, `.${key}`);
    }
    if (!key.isWellFormed()) return fault("a key with a lone surrogate");
    const found = findFault(
      (object as Record<string, unknown>)[key],
      depth + 1,
      parsed,
    );
    if (found !== undefined) {
      found.path.push(
        IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`,
      );
      return found;
    }
  }
  return undefined;
}

function notPlainArray(array: readonly unknown[]): Fault | undefined {
  const prototype = Object.getPrototypeOf(array);
  if (prototype !== Array.prototype && !isForeignArray(prototype)) {
    return fault("an array of a class of its own comes back as a plain one");
  }
  for (let i = 0; i < array.length; i++) {
    if (array[i] === undefined && !(i in array)) {
      return fault("an array with holes comes back without", `[${i}]`);
    }
  }
  if (
    Object.keys(array).length !== array.length ||
    Object.getOwnPropertySymbols(array).length !== 0
  ) {
    return fault("an array's own keys are dropped");
  }
  return hasToJson(array);
}

/** What is wrong with an object beside its values. */
export function notPlainObject(object: object): Fault | undefined {
  const prototype = Object.getPrototypeOf(object);
  if (
    prototype !== Object.prototype && prototype !== null &&
    !isForeignPlain(prototype)
  ) {
    return fault(`${nameOf(object)} is not a plain object`);
  }
  if (Object.getOwnPropertySymbols(object).length !== 0) {
    return fault("keys that are symbols are dropped");
  }
  return hasToJson(object);
}

function hasToJson(value: object): Fault | undefined {
  return typeof (value as { toJSON?: unknown }).toJSON === "function"
    ? fault("what its toJSON returns would be stored instead")
    : undefined;
}

function nameOf(object: object): string {
  const name: unknown = object.constructor?.name;
  return typeof name === "string" && name !== "" && name !== "Object"
    ? `an instance of ${name}`
    : "an object with a prototype of its own";
}

function isUnsafeKey(key: string): boolean {
  return key === "__proto__" || key === "constructor" || key === "prototype";
}

function isForeignPlain(prototype: object): boolean {
  // A plain object of another realm: its prototype is a root and has that shape.
  return Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, "isPrototypeOf");
}

function isForeignArray(prototype: unknown): boolean {
  return Array.isArray(prototype) && Object.hasOwn(prototype, "concat");
}

function fault(rule: string, step?: string): Fault {
  return { path: step === undefined ? [] : [step], rule };
}

/** Frozen copies of values without a fault. */
const KNOWN = new WeakSet<object>();
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
