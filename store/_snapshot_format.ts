/** How a snapshot becomes the body of one message and back; JSON. */
import {
  type ActorAddress,
  type ActorSnapshot,
  parseJson,
  type RememberedCommand,
  type Timer,
} from "../event/mod.ts";

/** A snapshot with its schema and its place in the log. */
export type PlacedSnapshot =
  & ActorSnapshot
  & Required<Pick<ActorSnapshot, "schema" | "sequence" | "commitId">>;

/** Writes a snapshot. */
export function encodeSnapshot(snapshot: PlacedSnapshot): Uint8Array {
  const {
    actorId,
    commands,
    commitId,
    schema,
    sequence,
    state,
    timers,
    timestamp,
    version,
  } = snapshot;
  return utf8.encode(JSON.stringify({
    actorId,
    version,
    sequence,
    commitId,
    schema,
    timestamp: timestamp.toISOString(),
    state,
    commands,
    timers,
  }));
}

/** Reads a snapshot; a cache may be broken in any way, and is then as good as none. */
export function decodeSnapshot(
  address: ActorAddress,
  body: Uint8Array,
): PlacedSnapshot | undefined {
  let json: Record<string, unknown>;
  try {
    json = parseJson(strictUtf8.decode(body)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const {
    actorId,
    commands,
    commitId,
    schema,
    sequence,
    state,
    timers,
    version,
  } = json ?? {};
  const timestamp = new Date(json?.["timestamp"] as string);
  if (
    actorId !== address.id || typeof commitId !== "string" ||
    state === undefined || !Number.isSafeInteger(version) ||
    !Number.isSafeInteger(sequence) || !Number.isSafeInteger(schema) ||
    Number.isNaN(timestamp.getTime())
  ) return undefined;
  return {
    actorId: address.id,
    version: version as number,
    state,
    timestamp,
    schema: schema as number,
    sequence: sequence as number,
    commitId,
    ...(Array.isArray(commands)
      ? { commands: commands as RememberedCommand[] }
      : {}),
    ...(Array.isArray(timers) ? { timers: timers as Timer[] } : {}),
  };
}

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true });
