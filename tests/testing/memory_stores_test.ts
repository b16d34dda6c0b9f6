import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { InMemoryStores } from "../../testing/mod.ts";

describe("InMemoryStores", () => {
  it("gives stores of one namespace one log, and others another", async () => {
    const stores = new InMemoryStores();
    await using one = await stores.open("bank");
    await using other = await stores.open("bank");
    await using elsewhere = await stores.open("shop");
    await one.append("account-ada", [{ eventType: "Opened" }]);
    assert.equal(await other.getLatestVersion("account-ada"), 1);
    assert.equal(await elsewhere.getLatestVersion("account-ada"), 0);
  });

  it("forgets a namespace", async () => {
    const stores = new InMemoryStores();
    await using before = await stores.open("bank");
    await before.append("account-ada", [{ eventType: "Opened" }]);
    stores.forget("bank");
    await using after = await stores.open("bank");
    assert.equal(await after.getLatestVersion("account-ada"), 0);
  });

  it("takes a smaller limit on commits", async () => {
    await using store = await new InMemoryStores().open("bank", {
      maxPayload: 500,
    });
    await assert.rejects(
      store.append("account-ada", [{ eventType: "E", data: "x".repeat(500) }]),
      { code: "payload_too_large" },
    );
  });

  it("refuses to remove a commit that is not there", () => {
    assert.throws(
      () => new InMemoryStores().deleteCommit("bank", 1),
      RangeError,
    );
  });
});
