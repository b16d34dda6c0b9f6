/** Promises over a store that cannot keep them. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { Aether, defineActor, InMemoryEventStore } from "@flowmade/aether";

const Note = defineActor("note", {
  state: () => 0,
  events: { Written: (s: number) => s + 1 },
}).commands({
  write: () => ({ type: "Written" }),
  remind(_s, _c: undefined, ctx) {
    ctx.schedule("soon", { after: 1_000 }, "write");
    return { type: "Written" };
  },
}).queries({ count: (s) => s });

describe("a store without an inbox", () => {
  it("stores events, and no promise that nobody would keep", async () => {
    const inner = new InMemoryEventStore({ namespace: "plain" });
    const store = new Proxy(inner, {
      get(target, name) {
        if (name === "inbox") return undefined;
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    await using aether = await Aether.start({
      namespace: "plain",
      actors: [Note],
      store,
    });
    const note = aether.actor(Note, "a");
    await note.write();
    await assert.rejects(note.remind(), (error: Error & { code: string }) => {
      assert.equal(error.code, "command_failed");
      assert.match(error.message, /has no inbox/);
      return true;
    });
    assert.equal(await note.count(), 1);
    assert.equal(await inner.getLatestVersion("note-a"), 1);
    await inner.close();
  });
});
