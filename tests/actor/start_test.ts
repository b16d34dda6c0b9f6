import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { Aether } from "@flowmade/aether";
import { Account } from "./_account.ts";

describe("Aether.start()", () => {
  it("refuses what it cannot work with", async () => {
    const bad = [
      { namespace: "a.*", actors: [] },
      { namespace: "a", actors: [{} as never] },
      { namespace: "a", actors: [Account, Account] },
      { namespace: "a", actors: [], nodeId: "a.b" },
      { namespace: "a", actors: [], servers: "nats:// nowhere" },
      { namespace: "a", actors: [], maxActivations: 0 },
    ];
    for (const options of bad) {
      await assert.rejects(Aether.start(options), { code: "invalid_argument" });
    }
  });

  it("says that nobody answers", async () => {
    await assert.rejects(
      Aether.start({ namespace: "a", actors: [], servers: "127.0.0.1:1" }),
      { code: "store_unavailable" },
    );
  });
});
