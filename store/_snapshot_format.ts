/** How a snapshot becomes the body of one message and back; JSON. */
import {
  type ActorAddress,
  type ActorSnapshot,
  parseJson,
  type Timer,
} from "../event/mod.ts";
import { isCount } from "./_rules.ts";
import { packCommands, unpackCommands } from "./_snapshot_commands.ts";

/** A snapshot with its schema and its place in the log. */
export type PlacedSnapshot =
  & ActorSnapshot
  & Required<Pick<ActorSnapshot, "schema" | "sequence" | "commitId">>;

/** Whether a snapshot is of a later commit; one without events leaves the version as it is. */
export function isNewer(one: PlacedSnapshot, other: PlacedSnapshot): boolean {
  return one.version === other.version
    ? one.sequence > other.sequence
    : one.version > other.version;
}

/** Writes a snapshot. */
export function encodeSnapshot(snapshot: PlacedSnapshot): Uint8Array {
  const {
    actorId,
    commandIdsSince,
    commands,
    commandsSince,
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
    commands: commands && packCommands(commands),
    commandsSince,
    commandIdsSince,
    timers,
  }));
}

/** Reads a snapshot; a cache may be broken in any way, and is then as good as none. */
export function decodeSnapshot(
  address: ActorAddress,
  body: Uint8Array,
): PlacedSnapshot | undefined {
  let json: Record<string, unknown> | null;
  try {
    json = parseJson(strictUtf8.decode(body)) as Record<string, unknown> | null;
  } catch {
    return undefined;
  }
  const {
    actorId,
    commandIdsSince,
    commands: packed,
    commandsSince,
    commitId,
    schema,
    sequence,
    state,
    timers,
    timestamp: time,
    version,
  } = json ?? {};
  const timestamp = new Date(typeof time === "string" ? time : NaN);
  const commands = packed === undefined ? [] : unpackCommands(packed);
  if (
    actorId !== address.id || typeof commitId !== "string" ||
    state === undefined || !isCount(version) ||
    !isCount(sequence) || !Number.isSafeInteger(schema) ||
    Number.isNaN(timestamp.getTime()) ||
    commands === undefined ||
    !(commandsSince === undefined || isCount(commandsSince)) ||
    !(commandIdsSince === undefined || isCount(commandIdsSince)) ||
    !(timers === undefined || areTimers(timers))
  ) return undefined;
  return {
    actorId: address.id,
    version,
    state,
    timestamp,
    schema: schema as number,
    sequence,
    commitId,
    ...(packed === undefined ? {} : { commands }),
    ...(commandsSince === undefined ? {} : { commandsSince }),
    ...(commandIdsSince === undefined ? {} : { commandIdsSince }),
    ...(timers === undefined ? {} : { timers }),
  };
}

function areTimers(value: unknown): value is Timer[] {
  return Array.isArray(value) && value.every((timer) => {
    const { at, command, id, name } = timer ?? {};
    return typeof name === "string" && typeof id === "string" &&
      typeof command === "string" && Number.isSafeInteger(at);
  });
}

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true });
