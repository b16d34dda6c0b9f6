import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { startNatsServer } from "../support/mod.ts";
import { isAlive } from "./_process.ts";

/** What a server answers to a JetStream API request. */
async function ask(
  url: string,
  subject: string,
  body: unknown = "",
): Promise<unknown> {
  const connection = await connect({
    servers: url,
    reconnect: false,
    ignoreClusterUpdates: true,
  });
  try {
    const answer = await connection.request(
      `$JS.API.${subject}`,
      JSON.stringify(body),
      {
        timeout: 5_000,
      },
    );
    return answer.json();
  } finally {
    await connection.close();
  }
}

describe("startNatsServer()", () => {
  it("starts a server with JetStream, and leaves nothing behind when stopped", async () => {
    const nats = await startNatsServer();
    const server = nats.servers[0]!;
    const info = await ask(nats.url, "INFO") as { streams: number };
    assert.equal(info.streams, 0);
    assert.deepEqual(nats.urls, [nats.url]);
    const folder = readdirSync(tmpdir()).filter((name) =>
      name.startsWith(`aether-nats-${process.pid}-`)
    ).map((name) => join(tmpdir(), name)).find((path) =>
      server.logTail(100).includes(path)
    );
    assert.ok(folder !== undefined);
    await nats.stop();
    assert.equal(isAlive(server.pid), false);
    assert.equal(existsSync(folder), false);
    await nats.stop(); // again: nothing happens
  });

  it("keeps port and data over a kill and a restart", async () => {
    await using nats = await startNatsServer({ syncAlways: true });
    const server = nats.servers[0]!;
    const { pid, url } = server;
    await ask(url, "STREAM.CREATE.kept", {
      name: "kept",
      subjects: ["kept.>"],
    });
    await server.kill();
    assert.equal(server.running, false);
    assert.equal(isAlive(pid), false);
    await assert.rejects(connect({ servers: url, reconnect: false }));
    await nats.restart();
    assert.notEqual(server.pid, pid);
    assert.equal(server.url, url);
    const stream = await ask(url, "STREAM.INFO.kept") as {
      config: { name: string };
    };
    assert.equal(stream.config.name, "kept");
  });

  it("pauses and resumes", async () => {
    await using nats = await startNatsServer({ jetstream: false });
    const connection = await connect({ servers: nats.url, reconnect: false });
    nats.pause();
    const flushed = connection.flush().then(() => "answered");
    const waited = new Promise((resolve) => setTimeout(resolve, 50, "silent"));
    assert.equal(await Promise.race([flushed, waited]), "silent");
    nats.resume();
    assert.equal(await flushed, "answered");
    await connection.close();
  });

  it("stops a paused server", async () => {
    const nats = await startNatsServer({ jetstream: false });
    nats.pause();
    await nats.stop();
    assert.equal(nats.servers[0]!.running, false);
  });

  it("tells when a server has ended by itself", async () => {
    await using nats = await startNatsServer({ jetstream: false });
    process.kill(nats.servers[0]!.pid, "SIGTERM");
    // Nothing else keeps a program alive here, as a server does not.
    const hold = setInterval(() => {}, 1_000);
    await nats.servers[0]!.exited;
    clearInterval(hold);
    assert.equal(nats.servers[0]!.running, false);
  });

  it("takes configuration, limits and a store folder that stays", async () => {
    const storeDir = mkdtempSync(join(tmpdir(), "aether-store-"));
    try {
      const nats = await startNatsServer({
        storeDir,
        maxPayload: 4_096,
        config:
          `accounts { A { jetstream: enabled, users: [{ user: ada, password: secret }] } }`,
      });
      const connection = await connect({
        servers: nats.url,
        user: "ada",
        pass: "secret",
      });
      assert.equal(connection.info?.max_payload, 4_096);
      await connection.close();
      await assert.rejects(
        connect({ servers: nats.url, user: "ada", pass: "no" }),
        {
          name: "AuthorizationError",
        },
      );
      await nats.stop();
      assert.ok(existsSync(join(storeDir, "jetstream")));
    } finally {
      rmSync(storeDir, { recursive: true, force: true });
    }
  });

  it("shows the server's log when it does not start", async () => {
    await assert.rejects(
      startNatsServer({ config: "no_such_setting: 1" }),
      /nats-server n1 is not listening: it has ended[^]*no_such_setting/,
    );
  });

  it("says that a port is taken", async () => {
    const other = createServer((socket: Socket) => socket.destroy()).listen(
      0,
      "127.0.0.1",
    );
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    await assert.rejects(
      startNatsServer({ port }),
      new RegExp(
        `Cannot start nats-server on port ${port} as another program listens there`,
      ),
    );
    other.close();
  });
});

describe("startNatsServer({ servers: 3 })", () => {
  it("forms a cluster that takes a stream of three replicas at once", {
    timeout: 60_000,
  }, async () => {
    await using nats = await startNatsServer({ servers: 3 });
    assert.deepEqual(nats.servers.map((server) => server.name), [
      "n1",
      "n2",
      "n3",
    ]);
    const stream = { name: "three", subjects: ["three.>"], num_replicas: 3 };
    const made = await ask(nats.url, "STREAM.CREATE.three", stream) as Record<
      string,
      unknown
    >;
    assert.equal(made.error, undefined);

    // Two of three go on without the third, and it comes back.
    const victim = nats.servers[2]!;
    await victim.kill();
    await victim.restart();
    await nats.ready();
    const info = await ask(victim.url, "INFO") as { streams: number };
    assert.equal(info.streams, 1);
  });
});
