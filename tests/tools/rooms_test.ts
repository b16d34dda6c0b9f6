import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { importsOf, roomProblems } from "../../tools/rooms.ts";

function problems(path: string, ...specifiers: string[]): string[] {
  const source = specifiers.map((specifier) =>
    `import { x } from "${specifier}";`
  ).join("\n");
  return roomProblems(new Map([[path, source]]));
}

describe("roomProblems()", () => {
  it("allows a room what is its own, the doors above it, and packages", () => {
    assert.deepEqual(
      problems(
        "actor/a.ts",
        "./b.ts",
        "../event/mod.ts",
        "../store/mod.ts",
        "ulid",
        "node:fs",
      ),
      [],
    );
    assert.deepEqual(
      problems("testing/deep/a.ts", "../b.ts", "../../actor/mod.ts"),
      [],
    );
    assert.deepEqual(
      problems("mod.ts", "./actor/mod.ts", "./event/mod.ts"),
      [],
    );
  });

  it("refuses a room below", () => {
    assert.deepEqual(problems("event/a.ts", "../store/mod.ts"), [
      'event/a.ts imports "../store/mod.ts": store is below event',
    ]);
    assert.equal(problems("store/a.ts", "../actor/mod.ts").length, 1);
    assert.equal(problems("actor/a.ts", "../testing/mod.ts").length, 1);
  });

  it("refuses another room's inside", () => {
    assert.deepEqual(problems("store/a.ts", "../event/ids.ts"), [
      'store/a.ts imports "../event/ids.ts": the door of event is event/mod.ts',
    ]);
    assert.equal(problems("mod.ts", "./event/ids.ts").length, 1);
  });

  it("refuses what is in no room, and the package's own name", () => {
    assert.match(
      problems("store/a.ts", "../tests/support/mod.ts")[0]!,
      /it is in no room/,
    );
    assert.match(
      problems("store/a.ts", "@flowmade/aether/event")[0]!,
      /by its path/,
    );
  });

  it("keeps store, bus and cluster strangers to each other", () => {
    assert.match(
      problems("bus/a.ts", "../store/mod.ts")[0]!,
      /do not know each other/,
    );
    assert.match(
      problems("cluster/a.ts", "../bus/mod.ts")[0]!,
      /do not know each other/,
    );
    assert.deepEqual(
      problems("actor/a.ts", "../bus/mod.ts", "../cluster/mod.ts"),
      [],
    );
  });
});

describe("importsOf()", () => {
  it("finds every way to import", () => {
    const source = `
import a from "./a.ts";
import type { B } from "./b.ts";
import {
  c,
  type D,
} from "./c.ts";
import "./effect.ts";
export * from "./e.ts";
export { f } from './f.ts';
export const name = "not an import";
const g = await import("./g.ts");
`;
    assert.deepEqual(importsOf(source).sort(), [
      "./a.ts",
      "./b.ts",
      "./c.ts",
      "./e.ts",
      "./effect.ts",
      "./f.ts",
      "./g.ts",
    ]);
  });

  it("leaves examples in comments alone", () => {
    const source = `
/**
 * import { x } from "@flowmade/aether/event";
 * const y = await import("./y.ts");
 */
// import "./z.ts";
`;
    assert.deepEqual(importsOf(source), []);
  });
});
