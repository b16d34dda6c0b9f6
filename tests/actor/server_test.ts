/** Nodes and the nats-server under them: credentials, what it lacks, its restart. */
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  Aether,
  type AetherError,
  type AetherOptions,
  ulid,
} from "@flowmade/aether";
import { type NatsServers, startNatsServer } from "../support/mod.ts";
import { Account } from "./_account.ts";

const options = { timeout: 60_000 };

describe("a server that wants credentials", () => {
  let servers: NatsServers;
  before(async () => {
    servers = await startNatsServer({
      config: `authorization { user: "ada", password: "s3cret-canary" }`,
    });
  }, options);
  after(() => servers.stop(), options);

  it("gets those of the options", options, async () => {
    await using aether = await Aether.start({
      servers: servers.url,
      user: "ada",
      pass: "s3cret-canary",
      namespace: "auth",
      actors: [Account],
    });
    assert.equal(await aether.actor(Account, "ada").balance(), 0);
  });

  it("refuses others, and no error tells a password", options, async () => {
    const { host } = new URL(servers.url);
    const tries: [Partial<AetherOptions>, string][] = [
      [
        { servers: servers.url, user: "ada", pass: "wr0ng-canary" },
        "permission_denied",
      ],
      [{ servers: `nats://ada:wr0ng-canary@${host}` }, "invalid_argument"],
    ];
    for (const [bad, code] of tries) {
      const error: AetherError = await Aether.start({
        ...bad,
        namespace: "auth",
        actors: [Account],
      }).then(() => assert.fail("let in"), (error) => error);
      assert.equal(error.code, code);
      assert.doesNotMatch(`${error.message} ${error.stack}`, /canary/);
    }
  });
});

describe("a server without JetStream", () => {
  it("is refused, saying so", options, async () => {
    const servers = await startNatsServer({ jetstream: false });
    try {
      await assert.rejects(
        Aether.start({
          servers: servers.url,
          namespace: "none",
          actors: [Account],
        }),
        { code: "unsupported_server" },
      );
    } finally {
      await servers.stop();
    }
  });
});

describe("a server that is killed and started again under load", () => {
  it(
    "loses nothing that was acknowledged, and calls go on",
    options,
    async () => {
      const servers = await startNatsServer();
      try {
        const start = (actors: [typeof Account] | []) =>
          Aether.start({ servers: servers.url, namespace: "restart", actors });
        await using a = await start([Account]);
        await using b = await start([Account]);
        await using client = await start([]);
        assert.ok(a.nodeId !== b.nodeId);
        const keys = Array.from({ length: 16 }, (_, i) => `k${i}`);
        const done = new Map(keys.map((key) => [key, new Set<string>()]));
        let count = 0;
        let restarting: Promise<void> | undefined;
        const restart = async () => {
          await servers.kill();
          await servers.restart();
        };
        await Promise.all(keys.map(async (key) => {
          while (count < 2_000) {
            const commandId = ulid();
            for (;;) {
              try {
                await client.actor(Account, key)
                  .deposit({ amount: 1 }, { commandId });
                break;
              } catch (error) {
                const { ambiguous, retryable } = error as AetherError;
                if (!ambiguous && !retryable) throw error;
              }
            }
            done.get(key)!.add(commandId);
            if (++count === 500) restarting = restart();
          }
        }));
        await restarting;
        for (const [key, ids] of done) {
          const events = await client.store.getEvents(`account-${key}`);
          assert.deepEqual(
            events.map((event) => event.version),
            events.map((_, i) => i + 1),
          );
          const stored = events.map((event) => event.commandId);
          assert.deepEqual(new Set(stored), ids);
          assert.equal(stored.length, ids.size, "a command was done twice");
          assert.equal(await client.actor(Account, key).balance(), ids.size);
        }
      } finally {
        await servers.stop();
      }
    },
  );
});
