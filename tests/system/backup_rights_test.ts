/** Whoever backs a namespace up, or restores it, needs the rights SECURITY.md names. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connect, JetStreamEventStore } from "@flowmade/aether";
import { streamNames } from "../../event/mod.ts";
import { destroyNamespace } from "../../store/mod.ts";
import {
  backUpStream,
  isDeno,
  restoreStream,
  startNatsServer,
} from "../support/mod.ts";

const { events, inbox } = streamNames("shop");
const rights = (user: string, verbs: readonly string[]) =>
  `{
  user: ${user}, password: secret
  permissions: {
    publish: { allow: ${
    JSON.stringify([events, inbox].flatMap((stream) =>
      verbs.map((verb) => verb.replace("*", stream))
    ))
  } }
    subscribe: { allow: ["_INBOX_${user}.>"] }
  }
}`;
const CONFIG = `authorization { users: [
  { user: all, password: secret }
  ${
  rights("backup", [
    "$JS.API.STREAM.INFO.*",
    "$JS.API.STREAM.SNAPSHOT.*",
    "$JS.SNAPSHOT.ACK.*.>",
  ])
}
  ${rights("restore", ["$JS.API.STREAM.RESTORE.*", "$JS.SNAPSHOT.RESTORE.*.>"])}
] }`;

describe("the rights to back up and to restore", { skip: !isDeno }, () => {
  it("are enough, and no more than that", { timeout: 30_000 }, async () => {
    await using servers = await startNatsServer({ config: CONFIG });
    const as = (user: string) =>
      connect({
        servers: servers.url,
        user,
        pass: "secret",
        inboxPrefix: `_INBOX_${user}`,
      });
    const all = await as("all");
    const store = await JetStreamEventStore.open(all, { namespace: "shop" });
    await store.append("order-1", [{ eventType: "Placed" }]);
    await store.inbox.put({
      commandId: "c1",
      actorId: "order-1",
      command: "ship",
      source: "test",
    });
    await store.close();
    const backup = await as("backup");
    const copies = [
      await backUpStream(backup, inbox),
      await backUpStream(backup, events),
    ];
    await assert.rejects(restoreStream(backup, copies[0]!), /permission/i);
    await destroyNamespace(all, "shop", { confirm: "shop" });
    const restore = await as("restore");
    await assert.rejects(backUpStream(restore, events));
    for (const copy of copies) await restoreStream(restore, copy);
    const restored = await JetStreamEventStore.open(all, { namespace: "shop" });
    assert.equal(await restored.getLatestVersion("order-1"), 1);
    assert.equal((await restored.inbox.places(1)).places.length, 1);
    await restored.close();
    for (const nc of [all, backup, restore]) await nc.close();
  });
});
