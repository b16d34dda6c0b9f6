import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ACTORS, Turns } from "../../bench/_actors.ts";

describe("Turns", () => {
  it("never gives two workers one actor, also as their number changes", () => {
    const turns = new Turns();
    for (const inFlight of [1, 4, 16, 64, 256, 64, 16, 4, 1]) {
      const owners = new Map<number, number>();
      for (let turn = 0; turn < 3 * ACTORS / inFlight + 7; turn++) {
        for (let worker = 0; worker < inFlight; worker++) {
          const actor = turns.next(worker, inFlight);
          assert.ok(actor >= 0 && actor < ACTORS);
          assert.equal(owners.get(actor) ?? worker, worker);
          owners.set(actor, worker);
        }
      }
      assert.equal(owners.size, ACTORS, "all have their turn");
    }
  });
});
