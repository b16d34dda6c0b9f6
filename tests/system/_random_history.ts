/**
 * Histories by chance: few names and few contents, so that files are often
 * renamed, exchanged, copied, deleted, made again, and change their kind; with
 * branches that are merged, sometimes into something neither side had.
 */
import type { Random } from "../support/mod.ts";
import { type FileChange, GitBuilder, lines } from "./_git_builder.ts";

type Content = Required<Pick<FileChange, "content" | "mode">>;
type Tree = ReadonlyMap<string, Content>;

/** Makes so many commits, side branches included. */
export function randomHistory(random: Random, commits: number): GitBuilder {
  const git = new GitBuilder();
  const authors = ["Ada", "Bob", "Cid", "Dee"];
  let tree: Tree = new Map();
  let mark: number | undefined;
  const commit = (from: Tree, to: Tree, parents: number[]) =>
    git.commit(random.pick(authors), difference(from, to), parents);
  for (let made = 0; made < commits; made++) {
    const next = changed(tree, random);
    if (mark !== undefined && random.int(6) === 0) {
      const ours = commit(tree, next, [mark]);
      const theirTree = changed(tree, random);
      const theirs = commit(tree, theirTree, [mark]);
      const merged = changed(new Map([...next, ...theirTree]), random);
      mark = commit(next, merged, [ours, theirs]);
      tree = merged;
      made += 2;
    } else {
      mark = commit(tree, next, mark === undefined ? [] : [mark]);
      tree = next;
    }
  }
  return git;
}

function changed(tree: Tree, random: Random): Tree {
  const next = new Map(tree);
  for (let changes = 1 + random.int(4); changes > 0; changes--) {
    const name = `f${random.int(15)}.txt`;
    const other = `f${random.int(15)}.txt`;
    const here = next.get(name);
    const there = next.get(other);
    switch (random.int(6)) {
      case 0:
        next.delete(name);
        break;
      case 1: // rename, or exchange
        if (here === undefined) break;
        if (there === undefined) next.delete(name);
        else next.set(name, there);
        next.set(other, here);
        break;
      case 2: // copy
        if (here !== undefined) next.set(other, here);
        break;
      case 3: // rename with an edit
        if (here === undefined || here.mode === "160000") break;
        next.delete(name);
        next.set(other, { ...here, content: `${here.content}more\n` });
        break;
      default:
        next.set(name, randomContent(random));
    }
  }
  return next;
}

function randomContent(random: Random): Content {
  const text = lines(random.pick(["a", "b", "c"]), random.int(30));
  switch (random.int(12)) {
    case 0:
      return { content: `\0${text}`, mode: "100644" };
    case 1:
      return { content: "f1.txt", mode: "120000" };
    case 2:
      return { content: `${random.int(9)}`.repeat(40), mode: "160000" };
    case 3:
      return { content: text, mode: "100755" };
    case 4:
      return { content: `${text}no newline`, mode: "100644" };
    default:
      return { content: text, mode: "100644" };
  }
}

function difference(from: Tree, to: Tree): FileChange[] {
  const changes: FileChange[] = [];
  for (const path of from.keys()) if (!to.has(path)) changes.push({ path });
  for (const [path, content] of to) {
    if (from.get(path) !== content) changes.push({ path, ...content });
  }
  return changes;
}
