import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import {
  type Change,
  type Commit,
  parseHistory,
} from "../../examples/git_history/history.ts";
import { withMoves } from "../../examples/git_history/moves.ts";

const A = "a".repeat(40), B = "b".repeat(40), C = "c".repeat(40);
const NONE = "0".repeat(40);

const OUTPUT = [
  `commit ${A}`,
  "",
  "Ada",
  "1700000000",
  `\n:000000 100644 ${NONE} ${B} A`,
  "1\t2\tname",
  `:000000 100644 ${NONE} ${C} A`,
  "\n:odd",
  "3\t0\t1\t2\tname",
  "-\t-\t\n:odd",
  `commit ${B}`,
  A,
  "",
  "1700000060",
  `commit ${C}`,
  `${B} ${A}`,
  "Eve é",
  "1700000120",
  `\n:100644 100644 ${B} ${B} R100`,
  "1\t2\tname",
  "commit x",
  "0\t0\t",
  "1\t2\tname",
  "commit x",
  "",
].join("\0");

async function parse(output: Uint8Array, size: number): Promise<Commit[]> {
  async function* chunks() {
    for (let at = 0; at < output.length; at += size) {
      yield await Promise.resolve(output.subarray(at, at + size));
    }
  }
  return await Array.fromAsync(parseHistory(chunks()));
}

describe("parseHistory()", () => {
  it("reads odd names, binary files, renames and commits without changes", async () => {
    const commits = await parse(Buffer.from(OUTPUT), 1 << 16);
    assert.deepEqual(
      commits.map(({ id, parents, author, time }) => [
        id,
        parents,
        author,
        time,
      ]),
      [
        [A, [], "Ada", 1700000000],
        [B, [A], "", 1700000060],
        [C, [B, A], "Eve é", 1700000120],
      ],
    );
    assert.deepEqual(
      commits.flatMap(({ changes }) =>
        changes.map(({ status, path, from, lines }) => ({
          status,
          path,
          from,
          lines,
        }))
      ),
      [
        {
          status: "A",
          path: "1\\x092\\x09name",
          from: undefined,
          lines: { added: 3, deleted: 0 },
        },
        { status: "A", path: "\\x0a:odd", from: undefined, lines: undefined },
        {
          status: "R",
          path: "commit x",
          from: "1\\x092\\x09name",
          lines: { added: 0, deleted: 0 },
        },
      ],
    );
  });
  it("reads the same however the output is cut", async () => {
    const bytes = new Uint8Array(Buffer.from(OUTPUT));
    const whole = await parse(bytes, bytes.length);
    for (const size of [1, 2, 3, 7, 64]) {
      assert.deepEqual(await parse(bytes, size), whole);
    }
  });
  it("refuses what it cannot read", async () => {
    for (const output of ["x\0", "1\t2\tname\0", `commit ${A}\0`, ":1 2\0"]) {
      await assert.rejects(parse(Buffer.from(output), 64), SyntaxError);
    }
  });
});

describe("withMoves()", () => {
  const change = (
    status: Change["status"],
    path: string,
    oldBlob: string,
    newBlob: string,
  ): Change => ({
    status,
    path,
    oldMode: status === "A" ? "000000" : "100644",
    newMode: status === "D" ? "000000" : "100644",
    oldBlob,
    newBlob,
  });
  const told = (changes: readonly Change[]) =>
    withMoves(changes).map(({ status, path, from }) =>
      from === undefined ? `${status} ${path}` : `${status} ${from}>${path}`
    ).sort();

  it("finds swaps, rings and chains", () => {
    assert.deepEqual(
      told([change("M", "a", "1", "2"), change("M", "b", "2", "1")]),
      ["R a>b", "R b>a"],
    );
    assert.deepEqual(
      told([
        change("M", "a", "1", "3"),
        change("M", "b", "2", "1"),
        change("M", "c", "3", "2"),
      ]),
      ["R a>b", "R b>c", "R c>a"],
    );
    assert.deepEqual(
      told([
        change("D", "a", "1", ""),
        change("M", "b", "2", "1"),
        change("A", "c", "", "2"),
      ]),
      ["R a>b", "R b>c"],
    );
  });
  it("leaves copies, overwritten and edited files as they are", () => {
    for (
      const changes of [
        [change("M", "a", "1", "9"), change("M", "b", "2", "1")],
        [change("D", "a", "1", ""), change("M", "b", "2", "1")],
        [change("M", "a", "1", "1"), change("A", "b", "", "1")],
        [change("M", "a", "1", "2"), change("A", "b", "", "1")],
      ]
    ) assert.deepEqual(withMoves(changes), changes);
  });
});
