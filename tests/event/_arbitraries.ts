/** What the properties of this folder are asked about. */
import fc from "fast-check";
import type { Event } from "../../event/mod.ts";

const utf8 = new TextEncoder();

/** Keys no payload may have. */
export const UNSAFE_KEYS = ["__proto__", "constructor", "prototype"] as const;

/**
 * One code point that is no surrogate. As fast-check's "binary", which takes a
 * second to be made.
 */
const codePoint: fc.Arbitrary<string> = fc.oneof(
  fc.integer({ min: 0, max: 0xd7ff }),
  fc.integer({ min: 0xe000, max: 0x10ffff }),
).map((code) => String.fromCodePoint(code));

/** Well-formed text of any code points; may be empty. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: codePoint, maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.string({
    unit: fc.constantFrom(
      ..."aB1_-=.*> %/\\\"'{}[]:,é\u0301\u212a\ufeff\u2028ß😀".split(""),
      "😀",
    ),
    maxLength: 12,
  }).filter((found) => found.isWellFormed()),
);

/** Text that CloudEvents allows as an attribute; not empty. */
export const attribute: fc.Arbitrary<string> = text.map((found) =>
  [...found].filter((char) => !isForbidden(char.codePointAt(0)!)).join("") ||
  "x"
);

/** What `attribute` leaves out, written out from the specification. */
export function isForbidden(codePoint: number): boolean {
  return codePoint <= 0x1f || (codePoint >= 0x7f && codePoint <= 0x9f) ||
    (codePoint >= 0xd800 && codePoint <= 0xdfff) ||
    (codePoint >= 0xfdd0 && codePoint <= 0xfdef) ||
    (codePoint & 0xfffe) === 0xfffe;
}

/** Keys of actors, none too long. */
export const actorKey: fc.Arbitrary<string> = attribute
  .filter((found) => utf8.encode(found.normalize("NFC")).length <= 30);

/** Actor ids, typed and raw, none too long. */
export const actorId: fc.Arbitrary<string> = fc.oneof(
  actorKey,
  fc.tuple(fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,10}$/), actorKey)
    .map(([type, key]) => `${type}-${key}`),
).filter((id) => !/^[A-Za-z][A-Za-z0-9_]*-$/.test(id.normalize("NFC")));

/** Namespaces of 1 to 4 tokens, alike enough to be mistaken. */
export const namespace: fc.Arbitrary<string> = fc.array(
  fc.oneof(
    fc.constantFrom("a", "b", "a-b", "a_b", "-", "_", "1"),
    fc.stringMatching(/^[A-Za-z0-9_-]{1,32}$/),
  ),
  { minLength: 1, maxLength: 4 },
).map((tokens) => tokens.join("."));

const key = fc.oneof(text, fc.constantFrom("proto", "__proto", "toString"))
  .filter((found) => !(UNSAFE_KEYS as readonly string[]).includes(found));

/** Everything JSON gives back as it is. */
export const json: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    tie("leaf"),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
  leaf: fc.oneof(
    fc.constantFrom<unknown>(null, true, false, 0, "", ...UNSAFE_KEYS),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    text,
  ),
})).value;

const metadata: fc.Arbitrary<Record<string, string>> = fc.tuple(
  fc.dictionary(
    key.filter((found) =>
      !["correlationId", "causationId", "traceparent"].includes(found)
    ),
    text,
    { maxKeys: 3, noNullPrototype: true },
  ),
  fc.record(
    {
      correlationId: fc.oneof(attribute, fc.constant("")),
      causationId: attribute,
      traceparent: attribute,
    },
    { requiredKeys: [], noNullPrototype: true },
  ),
).map(([others, named]) => ({ ...others, ...named }))
  .filter((found) => Object.keys(found).length > 0);

/** Any event, as a codec gives it back. */
export const event: fc.Arbitrary<Event> = fc.record(
  {
    id: attribute,
    eventType: attribute,
    actorId: attribute,
    version: fc.oneof(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 2_147_483_647 }),
    ),
    data: fc.oneof(json, fc.constant(undefined)),
    timestamp: fc.date({
      min: new Date("0000-01-01T00:00:00.000Z"),
      max: new Date("9999-12-31T23:59:59.999Z"),
      noInvalidDate: true,
    }),
    commandId: attribute,
    metadata,
  },
  {
    requiredKeys: [
      "id",
      "eventType",
      "actorId",
      "version",
      "data",
      "timestamp",
    ],
    noNullPrototype: true,
  },
);
