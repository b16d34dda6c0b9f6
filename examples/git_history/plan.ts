/**
 * Turns a commit into commands for the actors of the files it touched.
 *
 * Departures come before arrivals: a file that takes another's name waits until
 * that one has left. The arrival of a renamed file takes its lines from what
 * its old actor answered, so it also waits for that answer.
 */
import { createHash } from "node:crypto";
import type { FileAdded, Kind, LinesChanged, Stamp } from "./file_actor.ts";
import { kindOfMode, type LookUp } from "./facts.ts";
import type { Change, Commit, LineCount } from "./history.ts";
import { withMoves } from "./moves.ts";
import { keyOfPath } from "./path.ts";

/** A command as its actor takes it. */
export type Order =
  | { readonly verb: "add"; readonly input: Omit<FileAdded, "deleted"> }
  | { readonly verb: "change"; readonly input: LinesChanged }
  | {
    readonly verb: "replace";
    readonly input: Stamp & { blob: string; kind: Kind; added: number };
  }
  | { readonly verb: "rename"; readonly input: Stamp & { to: string } }
  | { readonly verb: "remove"; readonly input: Stamp & { lines?: number } };

/** One command and whom it is for. */
export interface Step {
  /** The actor's key. */
  readonly key: string;
  /** The same however often the history is read: a retry is no second command. */
  readonly commandId: string;
  readonly order: Order;
  /** For a renamed file: the step by which it leaves its old name, done before. */
  readonly after?: Step;
  /** How its lines changed on the way: `added` is what it left with, and this. */
  readonly edit?: LineCount;
}

/** Plans the steps of one commit, in the order in which actors are to see them. */
export async function planCommit(
  commit: Commit,
  lookUp: LookUp,
): Promise<Step[]> {
  const stamp: Stamp = {
    commit: commit.id,
    author: commit.author,
    time: new Date(commit.time * 1_000).toISOString(),
  };
  const changes = withMoves(commit.changes);
  const left = new Map<string, Step>();
  for (const { status, path, from, oldMode, lines } of changes) {
    if (status === "R") {
      const order: Order = { verb: "rename", input: { ...stamp, to: path } };
      left.set(from!, stepOf(from!, order));
    } else if (status === "D") {
      const counted = lines !== undefined && kindOfMode(oldMode) === undefined;
      const order: Order = {
        verb: "remove",
        input: counted ? { ...stamp, lines: lines.deleted } : stamp,
      };
      left.set(path, stepOf(path, order));
    }
  }
  const steps = [...left.values()];
  for (const change of changes) {
    if (change.status === "D") continue;
    const source = change.status === "R" ? left.get(change.from!) : undefined;
    steps.push(await arrive(change, stamp, source, lookUp));
  }
  return steps;
}

async function arrive(
  change: Change,
  stamp: Stamp,
  source: Step | undefined,
  lookUp: LookUp,
): Promise<Step> {
  const { status, path, from, newMode, newBlob: blob, lines } = change;
  const counted = lines !== undefined && kindOfMode(newMode) === undefined;
  const content = { ...stamp, blob };
  if (status === "M" && counted) {
    return stepOf(path, {
      verb: "change",
      input: { ...content, kind: "text", ...lines },
    });
  }
  if (status === "R" && counted) {
    const order: Order = {
      verb: "add",
      input: { ...content, path, from: from!, kind: "text", added: 0 },
    };
    return { ...stepOf(path, order), after: source!, edit: lines };
  }
  const facts = status === "A"
    ? factsOfNew(newMode, lines)
    : await lookUp(path, newMode, blob);
  const now = { ...content, kind: facts.kind, added: facts.lines };
  if (status === "M" || status === "T") {
    return stepOf(path, { verb: "replace", input: now });
  }
  const input = from === undefined ? { ...now, path } : { ...now, path, from };
  const step = stepOf(path, { verb: "add", input });
  // Its lines were counted; still it may not come before the other one left.
  return source === undefined ? step : { ...step, after: source };
}

/** A new file is compared with nothing, so its row says all there is to know. */
function factsOfNew(
  mode: string,
  lines: LineCount | undefined,
): { kind: Kind; lines: number } {
  const kind = kindOfMode(mode);
  if (kind !== undefined) return { kind, lines: 0 };
  return lines === undefined
    ? { kind: "binary", lines: 0 }
    : { kind: "text", lines: lines.added };
}

function stepOf(path: string, order: Order): Step {
  const key = keyOfPath(path);
  const file = createHash("sha256").update(key).digest("hex").slice(0, 32);
  const commandId = `${order.input.commit}:${order.verb}:${file}`;
  return { key, commandId, order };
}
