/**
 * Finds files that changed places in one commit.
 *
 * git looks for renames among files that came and went, not among files that
 * are there before and after. So where A becomes B and B becomes A it reports
 * two rewritten files. The blobs' ids give such moves away: a chain or a ring of
 * files each of which now has exactly the content another one had, and in
 * which no old content is left behind or overwritten.
 */
import type { Change } from "./history.ts";

/** The same changes, with exact moves told as renames. */
export function withMoves(changes: readonly Change[]): readonly Change[] {
  if (!changes.some((c) => c.status === "M" && c.oldBlob !== c.newBlob)) {
    return changes;
  }
  const moves = findMoves(changes);
  if (moves.size === 0) return changes;
  const sources = new Set(moves.values());
  const result: Change[] = [];
  for (const change of changes) {
    const source = moves.get(change);
    if (source !== undefined) {
      result.push({
        status: "R",
        path: change.path,
        from: source.path,
        oldMode: source.oldMode,
        newMode: change.newMode,
        oldBlob: source.oldBlob,
        newBlob: change.newBlob,
      });
    } else if (!(change.status === "D" && sources.has(change))) {
      result.push(change);
    }
  }
  return result;
}

/** Each change that received a content, with the change that gave it up. */
function findMoves(changes: readonly Change[]): Map<Change, Change> {
  const givers = new Map<string, Change>();
  for (const change of changes) {
    if (change.status !== "M" && change.status !== "D") continue;
    if (!isFile(change.oldMode) || change.oldBlob === change.newBlob) continue;
    // Two files of equal content: which one moved where cannot be told.
    const known = givers.get(change.oldBlob);
    if (known === undefined) givers.set(change.oldBlob, change);
  }
  const moves = new Map<Change, Change>();
  const taken = new Set<Change>();
  for (const change of changes) {
    if (change.status !== "M" && change.status !== "A") continue;
    if (!isFile(change.newMode) || change.oldBlob === change.newBlob) continue;
    const giver = givers.get(change.newBlob);
    if (giver === undefined || giver === change || taken.has(giver)) continue;
    moves.set(change, giver);
    taken.add(giver);
  }
  // A file that is there before and after must have given its content and
  // received another's, else it was copied or overwritten, not moved. Taking
  // one away may open the next.
  for (let settled = false; !settled;) {
    settled = true;
    const givers = new Set(moves.values());
    for (const [change, giver] of moves) {
      const closed = (giver.status === "D" || moves.has(giver)) &&
        (change.status === "A" || givers.has(change));
      if (closed) continue;
      moves.delete(change);
      settled = false;
    }
  }
  return moves;
}

function isFile(mode: string): boolean {
  return mode.startsWith("100");
}
