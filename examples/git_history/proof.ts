/**
 * Holds what the events say against what git says, and against the list of what
 * was acknowledged. Pure comparison: it reads what it is given.
 */
import { Accounts, busiest, type BusyFile } from "./accounting.ts";
import type { HeadFile } from "./head.ts";
import type { Acknowledged } from "./ledger.ts";
import { keyOfPath } from "./path.ts";
import type { StoredEvent } from "@flowmade/aether/event";

/** The three witnesses. */
export interface Evidence {
  /** Every event of the namespace. */
  readonly events: AsyncIterable<StoredEvent>;
  /** Every command that was acknowledged. */
  readonly acknowledged: AsyncIterable<Acknowledged>;
  /** Every file at the end of the history, as git has it. */
  readonly head: AsyncIterable<HeadFile>;
  /** Every name a file ever had. */
  readonly everyPath: ReadonlySet<string>;
}

/** What came out. */
export interface Verdict {
  readonly proven: boolean;
  /** What is wrong, in words; empty when proven. */
  readonly faults: readonly string[];
  readonly events: number;
  readonly actors: number;
  /** Text files at the end, and their lines: in their events and in their blobs. */
  readonly texts: number;
  readonly linesInEvents: number;
  readonly linesInBlobs: number;
  /** Files that have no lines to count; their content's id was compared. */
  readonly uncounted: readonly {
    readonly kind: string;
    readonly path: string;
  }[];
  /** Names that history knows and its end does not; all of them are gone. */
  readonly gone: number;
  readonly acknowledged: number;
  /** Acknowledged events that the log does not have at their place. */
  readonly lost: number;
  readonly busiest: readonly BusyFile[];
}

/** Compares everything with everything. */
export async function prove(evidence: Evidence): Promise<Verdict> {
  const accounts = new Accounts();
  for await (const event of evidence.events) accounts.add(event);
  const { files } = accounts;
  const faults = [...accounts.faults];
  const head = await compareHead(evidence, accounts, faults);

  let gone = 0;
  const known = new Set<string>();
  for (const path of evidence.everyPath) {
    const key = keyOfPath(path);
    known.add(key);
    const file = files.get(key);
    if (file === undefined) faults.push(`${path} has no actor`);
    else if (!head.paths.has(path)) {
      gone++;
      if (file.kind !== "none" || file.lines !== 0) {
        faults.push(
          `${path} is gone, its events say ${file.kind}, ${file.lines} lines`,
        );
      }
    }
  }
  for (const [key, { path }] of files) {
    if (!known.has(key)) {
      faults.push(`the history knows no file ${path || key}`);
    }
  }

  const answers = await compareAnswers(evidence.acknowledged, accounts, faults);
  const { paths: _paths, ...counted } = head;
  return {
    proven: faults.length === 0,
    faults,
    events: accounts.events,
    actors: files.size,
    ...counted,
    gone,
    ...answers,
    busiest: busiest(files.values(), 10),
  };
}

/** Each file at the end: is it there, of the same kind, content and lines? */
async function compareHead(
  { head }: Evidence,
  { files }: Accounts,
  faults: string[],
) {
  const paths = new Set<string>();
  const uncounted: { kind: string; path: string }[] = [];
  let texts = 0, linesInEvents = 0, linesInBlobs = 0;
  for await (const { path, kind, blob, lines } of head) {
    paths.add(path);
    const file = files.get(keyOfPath(path));
    if (kind === "text") texts++;
    else uncounted.push({ kind, path });
    linesInBlobs += lines;
    linesInEvents += file?.lines ?? 0;
    if (file === undefined) faults.push(`${path} is there, and has no events`);
    else if (file.kind !== kind) {
      faults.push(`${path} is ${kind}, its events say ${file.kind}`);
    } else if (file.lines !== lines) {
      faults.push(
        `${path} has ${lines} lines, its events add up to ${file.lines}`,
      );
    } else if (file.blob !== blob) {
      faults.push(`${path} is ${blob}, its events say ${file.blob}`);
    }
  }
  return { paths, texts, linesInEvents, linesInBlobs, uncounted };
}

/** Each answer: is its event in the log, at its version, under its command? */
async function compareAnswers(
  answers: Evidence["acknowledged"],
  { files, events }: Accounts,
  faults: string[],
) {
  let acknowledged = 0, acknowledgedEvents = 0, lost = 0;
  for await (const { key, commandId, events } of answers) {
    acknowledged++;
    const file = files.get(key);
    if (events.length === 0) faults.push(`${commandId} made no event`);
    for (const [version, id] of events) {
      acknowledgedEvents++;
      if (
        file?.eventIds[version - 1] === id &&
        file.commandIds[version - 1] === commandId
      ) continue;
      lost++;
      faults.push(
        `file-${key}@${version}, acknowledged as ${id}, is not in the log`,
      );
    }
  }
  if (lost === 0 && acknowledgedEvents !== events) {
    faults.push(
      `${events} events in the log, ${acknowledgedEvents} acknowledged`,
    );
  }
  return { acknowledged, lost };
}
