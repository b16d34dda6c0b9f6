import { shardOfTokens } from "./_hash.ts";
import { show } from "./_show.ts";
import { isAttributeText } from "./_text.ts";
import { InvalidArgumentError } from "./errors.ts";
import { encodeToken } from "./token.ts";

/** The type token of an id that has no `type-` prefix. */
export const RAW_TYPE = "_";

/** An actor id taken apart, with the two tokens that stand for it in subjects. */
export interface ActorAddress {
  /** The whole id in Unicode normal form C, such as `order-123`. */
  readonly id: string;
  /** The type, such as `order`; `_` for an id without a type prefix. */
  readonly type: string;
  /** What follows the first `-`; the whole id where there is no type. */
  readonly key: string;
  /** The key as one subject token. */
  readonly keyToken: string;
  /** Shard index, 0 to 255. */
  readonly shard: number;
}

/**
 * Takes an actor id apart. `type-key` is split at the first `-` where what
 * stands before it is a type (`[A-Za-z][A-Za-z0-9_]*`); any other id is raw:
 * its type is `_` and its key the whole id. Ids are brought to Unicode normal
 * form C first, so two spellings of one text are one actor.
 *
 * @param actorId Such as `order-123`.
 * @returns The address, the same on every node.
 * @throws {InvalidArgumentError} `invalid_argument`: empty, an empty key, a lone
 * surrogate, a control character or noncharacter, or a type or key longer than
 * 128 bytes once encoded.
 * @example An id with and without a type
 * ```ts
 * import { parseActorId } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * assert.equal(parseActorId("order-a-1").key, "a-1");
 * assert.equal(parseActorId("2024-report").type, "_");
 * ```
 */
export function parseActorId(actorId: string): ActorAddress {
  if (typeof actorId !== "string" || actorId.length === 0) {
    throw refuse(actorId, "is not a non-empty string");
  }
  const plain = PLAIN.test(actorId);
  const id = plain ? actorId : normalize(actorId);
  // After the normal form: it turns a Kelvin sign into the letter K.
  const typed = TYPED.exec(id);
  const dash = typed === null ? -1 : typed[1]!.length;
  const type = dash < 0 ? RAW_TYPE : id.slice(0, dash);
  const key = dash < 0 ? id : id.slice(dash + 1);
  if (key.length === 0) {
    throw refuse(actorId, 'needs a key after the first "-"');
  }
  const keyToken = plain ? key : encodeToken(key);
  if (keyToken.length > MAX_TOKEN || type.length > MAX_TOKEN) {
    throw refuse(
      actorId,
      `may not be longer than ${MAX_TOKEN} bytes a part once encoded (${
        Math.max(keyToken.length, type.length)
      })`,
    );
  }
  return { id, type, key, keyToken, shard: shardOfTokens(type, keyToken) };
}

/**
 * Puts an actor id together.
 *
 * @param type Such as `order`, or `_` for a raw id.
 * @param key Any non-empty text.
 * @returns The id in Unicode normal form C, such as `order-123`.
 * @throws {InvalidArgumentError} `invalid_argument`: the type is not
 * `[A-Za-z][A-Za-z0-9_]*`, or the key breaks a rule of {@link parseActorId}.
 */
export function formatActorId(type: string, key: string): string {
  if (type !== RAW_TYPE) checkActorType(type);
  if (typeof key !== "string") throw refuse(key, "has a key that is no string");
  const address = parseActorId(type === RAW_TYPE ? key : `${type}-${key}`);
  if (address.type !== type) {
    throw refuse(
      key,
      `reads as an id of type "${address.type}", so it cannot be raw`,
    );
  }
  return address.id;
}

/**
 * Checks the name of an actor type.
 *
 * @returns The type, unchanged.
 * @throws {InvalidArgumentError} `invalid_argument`: not `[A-Za-z][A-Za-z0-9_]*`
 * or longer than 128 characters.
 */
export function checkActorType(type: string): string {
  if (typeof type !== "string" || !/^[A-Za-z][A-Za-z0-9_]{0,127}$/.test(type)) {
    throw new InvalidArgumentError(
      `Cannot use an actor type that is not a letter and up to 127 letters, digits or "_": got ${
        show(type)
      }`,
    );
  }
  return type;
}

const MAX_TOKEN = 128;
const TYPED = /^([A-Za-z][A-Za-z0-9_]*)-/;
const PLAIN = /^[A-Za-z0-9_-]+$/;

function normalize(actorId: string): string {
  if (!isAttributeText(actorId)) {
    throw refuse(
      actorId,
      actorId.isWellFormed()
        ? "holds a control character or noncharacter"
        : "holds a lone surrogate",
    );
  }
  return actorId.normalize("NFC");
}

function refuse(actorId: unknown, rule: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `Cannot use an actor id that ${rule}: got ${show(actorId)}`,
  );
}
