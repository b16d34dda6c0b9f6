/**
 * Adds up what the log says of each file, from the events alone, and finds
 * whatever is wrong with the log itself: gaps, repeats, commands done twice.
 */
import type { StoredEvent } from "@flowmade/aether/event";
import type { FileAdded, Kind, Stamp, Sum } from "./file_actor.ts";
import { keyOfPath } from "./path.ts";

/** One file as its events add up. */
export interface FileAccount {
  readonly path: string;
  readonly kind: Kind | "none";
  readonly blob: string;
  readonly lines: number;
  /** Commits that touched it. */
  readonly commits: number;
  /** Of these, how many each author made. */
  readonly authors: ReadonlyMap<string, number>;
  /** Ids of its events: that of version 1 first. */
  readonly eventIds: readonly string[];
  /** Ids of the commands of its events, likewise. */
  readonly commandIds: readonly (string | undefined)[];
}

/** Takes the events of a whole namespace, in any order that keeps each actor's. */
export class Accounts {
  readonly #files = new Map<string, Draft>();
  readonly #faults: string[] = [];
  #events = 0;

  /** Every file by its actor's key. */
  get files(): ReadonlyMap<string, FileAccount> {
    return this.#files;
  }

  /** What is wrong with the log; empty when all is well. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  /** How many events there were. */
  get events(): number {
    return this.#events;
  }

  /** Takes the next event. */
  add(event: StoredEvent): void {
    this.#events++;
    const { actorId, eventType, version } = event;
    if (!actorId.startsWith(PREFIX)) {
      this.#faults.push(`${actorId} is no file's actor`);
      return;
    }
    const key = actorId.slice(PREFIX.length);
    let file = this.#files.get(key);
    if (file === undefined) this.#files.set(key, file = emptyDraft());
    if (version !== file.eventIds.length + 1) {
      this.#faults.push(
        `${actorId} has version ${version} after ${file.eventIds.length}`,
      );
    }
    const before = file.commandIds.at(-1);
    if (event.commandId === undefined) {
      this.#faults.push(`${actorId}@${version} names no command`);
    } else if (file.seen.has(event.commandId) && before !== event.commandId) {
      this.#faults.push(`${actorId}@${version}: ${event.commandId} again`);
    }
    file.seen.add(event.commandId);
    file.eventIds.push(event.id);
    file.commandIds.push(event.commandId);
    this.#apply(file, actorId, eventType, event.data as Data);
  }

  #apply(file: Draft, actorId: string, eventType: string, data: Data): void {
    const there = file.kind !== "none";
    if (there === (eventType === "FileAdded")) {
      this.#faults.push(
        `${actorId}: ${eventType} of a file that is ${
          there ? "" : "not "
        }there`,
      );
    }
    file.lines += data.added - data.deleted;
    if (eventType === "FileAdded") {
      file.path = data.path ?? "";
      if (PREFIX + keyOfPath(file.path) !== actorId) {
        this.#faults.push(`${actorId} holds the file ${file.path}`);
      }
    }
    if (eventType === "FileDeleted" || eventType === "FileRenamed") {
      file.kind = "none";
      file.blob = "";
    } else {
      file.kind = data.kind ?? "none";
      file.blob = data.blob ?? "";
    }
    // A file that changes places with another leaves and comes in one commit.
    if (data.commit === file.lastCommit) return;
    file.lastCommit = data.commit;
    file.commits++;
    file.authors.set(data.author, (file.authors.get(data.author) ?? 0) + 1);
  }
}

type Data = Stamp & Sum & Partial<FileAdded>;

interface Draft {
  path: string;
  kind: Kind | "none";
  blob: string;
  lines: number;
  commits: number;
  lastCommit: string;
  readonly authors: Map<string, number>;
  readonly eventIds: string[];
  readonly commandIds: (string | undefined)[];
  readonly seen: Set<string | undefined>;
}

const PREFIX = "file-";

function emptyDraft(): Draft {
  return {
    path: "",
    kind: "none",
    blob: "",
    lines: 0,
    commits: 0,
    lastCommit: "",
    authors: new Map(),
    eventIds: [],
    commandIds: [],
    seen: new Set(),
  };
}

/** A file that was touched often. */
export interface BusyFile {
  readonly path: string;
  readonly commits: number;
  readonly author: string;
  readonly authorCommits: number;
  readonly gone: boolean;
}

/** The files that most commits touched, each with its busiest author. */
export function busiest(
  files: Iterable<FileAccount>,
  count: number,
): BusyFile[] {
  const sorted = [...files].sort((a, b) =>
    b.commits - a.commits || (a.path < b.path ? -1 : 1)
  );
  return sorted.slice(0, count).map((file) => {
    const [author, authorCommits] = [...file.authors].sort((a, b) =>
      b[1] - a[1] || (a[0] < b[0] ? -1 : 1)
    )[0]!;
    const { path, commits, kind } = file;
    return { path, commits, author, authorCommits, gone: kind === "none" };
  });
}
