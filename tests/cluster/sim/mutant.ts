/**
 * The cluster with a fault built in: its source is copied, a few words in it are
 * replaced, and the copy is loaded beside the original.
 */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClusterManager } from "../../../cluster/mod.ts";

/** What is replaced in a file of the cluster; it has to be there once. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A changed cluster. */
export interface Mutant extends AsyncDisposable {
  readonly manager: typeof ClusterManager;
}

/** Loads a changed copy of the cluster. */
export async function mutate(changes: readonly Change[]): Promise<Mutant> {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const copy = mkdtempSync(join(tmpdir(), "aether-mutant-"));
  const left = new Set(changes);
  for (const name of readdirSync(join(root, "cluster"))) {
    let source = readFileSync(join(root, "cluster", name), "utf8");
    for (const change of changes) {
      if (change.file !== name) continue;
      if (source.split(change.from).length !== 2) {
        throw new Error(`${name} has not one place that says: ${change.from}`);
      }
      source = source.replace(change.from, () => change.to);
      left.delete(change);
    }
    // The rooms above are the same ones, or errors would be of other classes.
    const rooted = source.replaceAll('from "../', `from "${root}`);
    writeFileSync(join(copy, name), rooted);
  }
  if (left.size > 0) {
    throw new Error(`No such file: ${[...left].map(({ file }) => file)}`);
  }
  const { ClusterManager: manager } = await import(
    join(copy, "cluster_manager.ts")
  ) as { ClusterManager: typeof ClusterManager };
  return {
    manager,
    [Symbol.asyncDispose]: () => rm(copy, { recursive: true, force: true }),
  };
}
