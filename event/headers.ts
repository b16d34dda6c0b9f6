/** What a stored commit says beside its body: the headers' names and their values' form. */
import { toAscii } from "./_ascii.ts";
import { show } from "./_show.ts";
import { checkId } from "./ids.ts";
import { CorruptLogError, InvalidArgumentError } from "./errors.ts";
import type { CommandRecord } from "./event.ts";
import { assertJson, parseJson } from "./json.ts";

/** Header names on stored commits. */
export const CommitHeader = {
  /** ULID of the decision. */
  commit: "Aether-Commit",
  /** The commands it answers; see {@link formatCommands}. */
  commands: "Aether-Commands",
  /** Sequences of up to 16 commits of the same actor before it. */
  trail: "Aether-Trail",
  /** On a commit without events: the actor's version, which it leaves as it is. */
  fence: "Aether-Fence",
  /** Commands sent, timers set, notices: what the decision does beside its events. */
  effects: "Aether-Effects",
  /** The generation of the shard in which its owner wrote it; absent for none. */
  generation: "Aether-Gen",
  /** What the body is. */
  contentType: "content-type",
} as const;

/** Header names on durable commands in the inbox of a namespace. */
export const InboxHeader = {
  /** The command's id, the same however often it is put there. */
  commandId: "Aether-Command-Id",
  /** On the command of a timer: `<name>@<id>`, the name as a subject token. */
  timer: "Aether-Timer",
} as const;

/** Header names on requests and replies between callers and nodes. */
export const CallHeader = {
  /** On a reply: the error's code. */
  error: "Aether-Error",
  /** The command's id, the same on every attempt. */
  commandId: "Aether-Command-Id",
  /** `1` where the command's id was made for this call, and not given to it. */
  newId: "Aether-New-Id",
  /** 1 on the first attempt. */
  attempt: "Aether-Attempt",
  /** Milliseconds the caller still waits. */
  deadline: "Aether-Deadline-Ms",
  /** The actors that wait for this call, outermost first, as JSON. */
  chain: "Aether-Chain",
  /** On a query: `linear`, where it has to see all that was stored before it. */
  consistency: "Aether-Consistency",
  /** The generation of the map by which the call was sent. */
  generation: "Aether-Gen",
  /** W3C trace context. */
  traceparent: "traceparent",
} as const;

/** How many earlier commits a trail names. */
export const TRAIL_LENGTH = 16;

/**
 * Writes a trail: the first sequence, then the distance to each one before it,
 * as variable-length integers (7 bits a byte, lowest first), in base64url.
 *
 * @param sequences Newest first, strictly falling.
 * @returns Up to about 60 characters; empty for none.
 */
export function formatTrail(sequences: readonly number[]): string {
  // Bits go straight into base64url: this runs on every append.
  let text = "";
  let bits = 0;
  let held = 0;
  let previous = 0;
  for (let i = 0; i < sequences.length; i++) {
    const sequence = sequences[i]!;
    let n = i === 0 ? sequence : previous - sequence;
    previous = sequence;
    for (let more = true; more;) {
      more = n >= 128;
      bits = (bits << 8) | (n % 128) | (more ? 128 : 0);
      n = Math.floor(n / 128);
      for (held += 8; held >= 6;) text += BASE64URL[(bits >> (held -= 6)) & 63];
      bits &= 63;
    }
  }
  return held === 0 ? text : text + BASE64URL[(bits << (6 - held)) & 63];
}

/**
 * Reads a trail. A trail is a hint, so a broken one reads as far as it goes.
 *
 * @returns Sequences, newest first, strictly falling, all above 0.
 */
export function parseTrail(text: string): number[] {
  let binary: string;
  try {
    binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return [];
  }
  const sequences: number[] = [];
  let n = 0;
  let scale = 1;
  for (let i = 0; i < binary.length; i++) {
    const byte = binary.charCodeAt(i);
    n += (byte % 128) * scale;
    scale *= 128;
    if (byte >= 128) continue;
    const last = sequences.at(-1);
    const sequence = last === undefined ? n : last - n;
    if (n === 0 || sequence < 1 || !Number.isSafeInteger(sequence)) break;
    sequences.push(sequence);
    n = 0;
    scale = 1;
  }
  return sequences;
}

/**
 * Writes the commands a commit answers. One command that all the commit's events
 * belong to is its bare id; anything else is a JSON array of
 * `[id, events]` or `[id, 0, { reason, message, details }]`.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: what {@link parseCommands}
 * would not read; written, it would close the actor for ever.
 */
export function formatCommands(
  commands: readonly CommandRecord[],
  events: number,
): string {
  for (const command of commands) checkCommand(command);
  const only = commands.length === 1 ? commands[0]! : undefined;
  if (
    only !== undefined && only.rejected === undefined && only.events === events
  ) {
    // A bare id must not read as JSON.
    if (!only.id.startsWith("[")) return only.id;
  }
  return toAscii(
    JSON.stringify(
      commands.map((command) =>
        command.rejected === undefined
          ? [command.id, command.events]
          : [command.id, command.events, command.rejected]
      ),
    ),
  );
}

/**
 * Reads the commands a commit answers.
 *
 * @param text The header; empty where there is none.
 * @param events How many events the commit holds.
 * @throws {CorruptLogError} `corrupt_log`: not what {@link formatCommands} makes.
 */
export function parseCommands(text: string, events: number): CommandRecord[] {
  if (text === "") return [];
  try {
    if (!text.startsWith("[")) {
      return [{ id: checkId(text, "command id"), events }];
    }
    return (parseJson(text) as unknown[]).map(readCommand);
  } catch (cause) {
    throw new CorruptLogError(
      `Cannot read a commit's commands: got ${show(text)}`,
      { cause },
    );
  }
}

function readCommand(entry: unknown): CommandRecord {
  const [id, events, rejected] = entry as [
    string,
    number,
    CommandRecord["rejected"],
  ];
  const command = rejected === undefined
    ? { id, events }
    : { id, events, rejected };
  checkCommand(command);
  return command;
}

function checkCommand({ id, events, rejected }: CommandRecord): void {
  checkId(id, "command id");
  if (!Number.isSafeInteger(events) || events < 0 || Object.is(events, -0)) {
    throw new InvalidArgumentError(
      `Cannot record command ${id} with a number of events that is none: got ${
        show(events)
      }`,
    );
  }
  if (rejected === undefined) return;
  if (
    typeof rejected?.reason !== "string" ||
    typeof rejected.message !== "string" ||
    typeof (rejected.details ?? {}) !== "object"
  ) {
    throw new InvalidArgumentError(
      `Cannot record command ${id} as rejected without a reason, a message and details that are an object`,
    );
  }
  assertJson(rejected, "rejected", `Cannot record command ${id}`);
}

const BASE64URL =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
