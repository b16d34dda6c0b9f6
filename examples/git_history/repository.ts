/** Which repository, and how much of its history there is to read. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { DemoError } from "./errors.ts";
import { Git, GitError } from "./git.ts";
import { type Commit, FORMAT, parseHistory } from "./history.ts";

/** A repository, as it is at the start; later commits are not looked at. */
export interface Repository {
  readonly git: Git;
  readonly bare: boolean;
  /** Whether its history was cut off when it was cloned. */
  readonly shallow: boolean;
  /** Name of the current branch; `HEAD` where there is none. */
  readonly branch: string;
  /** Commits on the mainline. */
  readonly mainline: number;
  /** Commits in all, side branches included. */
  readonly all: number;
  /** The last commit that is read; absent where there is none at all. */
  readonly target?: string;
  /** Commits that are read. */
  readonly commits: number;
}

/**
 * Opens a repository: a working tree, a folder in it, or a bare one.
 *
 * @param limit Read only so many commits, the oldest ones.
 * @throws {DemoError} there is no usable repository.
 */
export async function openRepository(
  path: string,
  limit: number = Infinity,
): Promise<Repository> {
  const folder = resolve(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new DemoError(`${folder} is not a folder`);
  }
  const here = new Git(folder);
  await checkVersion(here);
  let bare: boolean;
  try {
    bare = await here.text(["rev-parse", "--is-bare-repository"]) === "true";
  } catch (error) {
    throw new DemoError(
      `${folder} is not a git repository (${(error as Error).message})`,
      { cause: error },
    );
  }
  // Inside the .git folder of a working tree there is no top level.
  const top = bare ? undefined : await here.maybe([
    "rev-parse",
    "--show-toplevel",
  ]);
  const git = new Git(
    top || await here.text(["rev-parse", "--absolute-git-dir"]),
  );
  const facts = {
    git,
    bare,
    shallow:
      await git.text(["rev-parse", "--is-shallow-repository"]) === "true",
    branch: await git.maybe(["symbolic-ref", "--short", "HEAD"]) ?? "HEAD",
  };
  const head = await git.maybe([
    "rev-parse",
    "--verify",
    "--quiet",
    "HEAD^{commit}",
  ]);
  if (head === undefined) return { ...facts, mainline: 0, all: 0, commits: 0 };
  const count = async (...options: string[]) =>
    Number(await git.text(["rev-list", "--count", ...options, head]));
  const mainline = await count("--first-parent");
  const commits = Math.min(limit, mainline);
  const target = commits === mainline ? head : await git.text([
    "rev-list",
    "--first-parent",
    `--skip=${mainline - commits}`,
    "--max-count=1",
    head,
  ]);
  return { ...facts, mainline, all: await count(), target, commits };
}

/**
 * Reads the mainline up to the target, oldest first: each step is the difference
 * to its first parent, so what the steps add up to is exactly what is there at
 * the end. (Over all commits it would not be: what parallel branches and merges
 * change twice, or resolve, is counted twice or never.)
 *
 * A merge is one step. Its work is credited to the author of the branch it
 * brought in, not to whoever pressed the button.
 *
 * @throws {GitError} git could not read an object.
 */
export async function* readHistory(
  { git, target }: Repository,
): AsyncGenerator<Commit> {
  if (target === undefined) return;
  const brought = await branchAuthors(git, target);
  const output = git.stream([
    "log",
    "--first-parent",
    "--diff-merges=first-parent",
    "--reverse",
    "--raw",
    "--numstat",
    "--no-abbrev",
    "-z",
    ...SAME_EVERYWHERE,
    `--format=${FORMAT}`,
    target,
    "--",
  ]);
  for await (const commit of parseHistory(output)) {
    const author = brought.get(commit.parents[1] ?? "");
    yield author === undefined ? commit : { ...commit, author };
  }
}

/** How differences are shown, whatever the user's configuration says. */
export const SAME_EVERYWHERE: readonly string[] = [
  "-M",
  "--no-ext-diff",
  "--no-textconv",
  "--no-color",
  "--no-relative",
  "--no-show-signature",
  "--submodule=short",
  "--ignore-submodules=none",
  "--encoding=UTF-8",
];

/** The author of the last commit of each branch that was merged. */
async function branchAuthors(
  git: Git,
  target: string,
): Promise<Map<string, string>> {
  const merges = await git.text([
    "rev-list",
    "--first-parent",
    "--merges",
    "--parents",
    target,
  ]);
  const tips = merges.split("\n").map((line) => line.split(" ")[2] ?? "");
  const authors = new Map<string, string>();
  if (tips[0] === "") return authors;
  const lines = await git.text(
    [
      "log",
      "--no-walk=unsorted",
      "--stdin",
      "--no-color",
      "--no-show-signature",
      "--encoding=UTF-8",
      "--format=tformat:%H %aN",
    ],
    tips.join("\n") + "\n",
  );
  for (const line of lines.split("\n")) {
    const space = line.indexOf(" ");
    authors.set(line.slice(0, space), line.slice(space + 1));
  }
  return authors;
}

async function checkVersion(git: Git): Promise<void> {
  let version: string;
  try {
    version = await git.text(["version"]);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw new DemoError(`git is needed: ${error.message}`, {
      cause: error,
    });
  }
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version) ?? [];
  if (Number(major) < 2 || (Number(major) === 2 && Number(minor) < 31)) {
    throw new DemoError(`git 2.31 or newer is needed: got "${version}"`);
  }
}
