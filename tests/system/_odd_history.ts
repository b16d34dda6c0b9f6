/** A small history in which everything odd happens that a history can hold. */
import { drop, GitBuilder, lines, put } from "./_git_builder.ts";

/** A name that is not UTF-8. */
export const NOT_UTF8: Uint8Array = Uint8Array.of(0x66, 0xff, 0xfe, 0x2e, 0x74);
/** A name too long for an actor's key. */
export const LONG_NAME: string = `deep/${"folder/".repeat(30)}file.txt`;
/** The same text twice, in two Unicode normal forms: two files to git. */
export const TWO_FORMS: readonly [string, string] = ["caf\u00e9", "cafe\u0301"];

const SUBMODULE = "1234567890123456789012345678901234567890";
const BINARY = Uint8Array.of(1, 0, 2, 0x0a, 3, 0x0a);

/** How many files there are at the end that have no lines. */
export const UNCOUNTED: readonly string[] = [
  "binary changed.bin",
  "binary data.bin",
  "binary minified.min.js",
  "symlink link",
  "symlink was-file",
  "submodule module",
];

/** The history; 20 steps on its mainline, one of them a merge. */
export function oddHistory(): GitBuilder {
  const git = new GitBuilder();
  git.commit("Ada", [
    put("plain.txt", lines("plain", 10)),
    put("with space.txt", "one\ntwo\n"),
    put(" leading and trailing ", "x\n"),
    put('quo"te', "x\n"),
    put("back\\slash", "x\n"),
    put("new\nline", "x\ny\n"),
    put("\nfirst", "x\n"),
    put("tab\there", "x\n"),
    put("control\u0001\u0007", "x\n"),
    put("-dash", "x\n"),
    put("--help", "x\n"),
    put(":colon", "x\n"),
    put("1\t2\tnumbers", "x\n"),
    put("commit 1234", "x\n"),
    put("файл.txt", "x\n"),
    put("\ufeffmark", "x\n"),
    put("\uffff", "x\n"),
    put("\r\u030ccombining", "x\n"),
    put("__proto__", "x\n"),
    put("constructor", "x\n"),
    put("*", "x\n"),
    put(">", "x\n"),
    put("a.b", "x\n"),
    put("a/b", "x\n"),
    put("a=2Fb", "x\n"),
    put("\\x41", "x\n"),
    put("A", "x\n"),
    put(NOT_UTF8, "x\ny\nz\n"),
    put(LONG_NAME, "x\n"),
    put(LONG_NAME + "2", "x\n"),
    ...TWO_FORMS.map((name) => put(name, `${name}\n`)),
  ]);
  git.commit("Ada", [
    put("no-newline", "a\nb"),
    put("crlf", "a\r\nb\r\nc"),
    put("empty", ""),
    put("only-newlines", "\n\n\n"),
    put("cr-only", "a\rb\rc"),
    put("late-nul", "x\n".repeat(5_000) + "\0\n"),
    put("tool.sh", "#!/bin/sh\n", "100755"),
  ]);
  git.commit("Bob", [
    put("no-newline", "a\nb\n"),
    put("crlf", "a\nb\nc\n"),
    put("empty", "no more\n"),
    put("only-newlines", "\n"),
    put("tool.sh", "#!/bin/sh\n"),
  ]);
  git.commit("Bob", [put("no-newline", "a\nb\nc"), put("empty", "")]);
  // Renames: plain, with an edit, of odd names, of empty files.
  git.commit("Cid", [
    drop("plain.txt"),
    put("renamed.txt", lines("plain", 10)),
    drop("with space.txt"),
    put("with\nnewline.txt", "one\ntwo\n"),
  ]);
  git.commit("Cid", [
    drop("renamed.txt"),
    put("dir/renamed.txt", lines("plain", 9) + "other\nmore\n"),
    drop(NOT_UTF8),
    put("utf8.txt", "x\ny\nz\n"),
  ]);
  // A swap, a ring, a chain, and a file that overwrites another.
  git.commit("Dee", [
    put("swap-a", lines("a", 5)),
    put("swap-b", lines("b", 7)),
    ...[1, 2, 3].map((n) => put(`ring-${n}`, lines(`ring ${n}`, n * 10))),
    ...[1, 2].map((n) => put(`chain-${n}`, lines(`chain ${n}`, n * 10))),
    put("winner", lines("winner", 3)),
    put("loser", lines("loser", 4)),
  ]);
  git.commit("Dee", [
    put("swap-a", lines("b", 7)),
    put("swap-b", lines("a", 5)),
    put("ring-1", lines("ring 3", 30)),
    put("ring-2", lines("ring 1", 10)),
    put("ring-3", lines("ring 2", 20)),
    drop("chain-1"),
    put("chain-2", lines("chain 1", 10)),
    put("chain-3", lines("chain 2", 20)),
    drop("winner"),
    put("loser", lines("winner", 3)),
  ]);
  // A copy; deleted, and there again.
  git.commit("Eve", [put("copy-of-a", lines("b", 7)), put("again", "1\n")]);
  git.commit("Eve", [drop("again"), drop("swap-b")]);
  git.commit("Eve", [put("again", lines("again", 2))]);
  // Types: file to link and back, link moved, file to submodule and back.
  git.commit("Fay", [
    put("link", "target", "120000"),
    put("was-link", "target", "120000"),
    put("was-file", lines("was", 4)),
    put("module", SUBMODULE, "160000"),
    put("was-module", SUBMODULE, "160000"),
    put("becomes-module", "x\n"),
    put("data.bin", BINARY),
    put("text-to-binary", lines("t", 6)),
    put("binary-to-text", BINARY),
  ]);
  git.commit("Fay", [
    put("link", "other\ntarget", "120000"),
    put("was-link", lines("now a file", 3)),
    put("was-file", "target", "120000"),
    put("module", SUBMODULE.replaceAll("1", "2"), "160000"),
    put("was-module", "a file now\n"),
    put("becomes-module", SUBMODULE, "160000"),
    put("data.bin", Uint8Array.of(...BINARY, 9)),
    put("text-to-binary", BINARY),
    put("binary-to-text", lines("b", 3)),
  ]);
  git.commit("Fay", [
    drop("becomes-module"),
    put("becomes-module/inside", "a folder now\n"),
    put("text-to-binary", lines("t", 2)),
    put("binary-to-text", lines("b", 4), "100755"),
    drop("data.bin"),
    put("moved.bin", Uint8Array.of(...BINARY, 9)),
  ]);
  git.commit("Fay", [drop("moved.bin"), put("data.bin", BINARY)]);
  // Text by content, binary by attribute.
  const fork = git.commit("Gus", [
    put(".gitattributes", "*.min.js -diff\nchanged.bin diff=odd\n"),
    put("minified.min.js", lines("min", 3)),
    put("changed.bin", lines("c", 3)),
    put("plain.js", lines("js", 5)),
    put("shared.txt", lines("shared", 20)),
  ]);
  // Two branches change the same lines; the merge resolves, and adds its own.
  const main = git.commit("Gus", [
    put("shared.txt", lines("shared", 20) + "ours\n"),
    put("both.txt", "same\n"),
  ], [fork]);
  const side = git.commit("Hal", [
    put("shared.txt", lines("shared", 20) + "theirs\n"),
    put("side.txt", "1\n2\n3\n"),
    put("both.txt", "same\n"),
  ], [fork]);
  const tip = git.commit("Ivy", [put("side.txt", "1\n2\n3\n4\n")], [side]);
  git.commit("Gus", [
    put("shared.txt", lines("shared", 20) + "ours\ntheirs\nevil\n"),
    put("side.txt", "1\n2\n3\n4\n"),
    put("evil.txt", "only in the merge\n"),
    drop("again"),
  ], [main, tip]);
  git.commit("Jon", []);
  git.commit("Jon", [
    put("minified.min.js", lines("min", 8)),
    put("changed.bin", lines("c", 1)),
    drop("plain.js"),
    put("plain.min.js", lines("js", 5)),
  ]);
  git.commit("Jon", [
    drop("plain.min.js"),
    put("plain.js", lines("js", 5) + "more\n"),
  ]);
  return git;
}
