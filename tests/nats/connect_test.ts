import assert from "node:assert/strict";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import {
  InvalidArgumentError,
  PermissionDeniedError,
  StoreUnavailableError,
  UnsupportedServerError,
} from "../../event/mod.ts";
import { atLeast, connect } from "../../nats/mod.ts";
import { isBun, startNatsServer, testServer } from "../support/mod.ts";

describe("connect()", () => {
  it("connects to a list of servers", async () => {
    const { url } = await testServer();
    const nc = await connect({ servers: [url], name: "tests" });
    assert.equal(nc.isClosed(), false);
    await nc.close();
  });

  it("refuses what is not a server before anything is opened", async () => {
    for (const servers of ["http://localhost:4222", "", "a b", "nats://"]) {
      await assert.rejects(connect({ servers }), InvalidArgumentError, servers);
    }
  });

  it("refuses an inbox where no answer would be sent", async () => {
    for (const inboxPrefix of ["aether.inbox", "aether", "$JS.x", "$KV"]) {
      await assert.rejects(
        connect({ servers: "nats://127.0.0.1:4222", inboxPrefix }),
        { code: "invalid_argument" },
        inboxPrefix,
      );
    }
  });

  it("refuses credentials in an address, without showing them", async () => {
    const servers = "nats://ada:secret@127.0.0.1:4222";
    await assert.rejects(connect({ servers }), (error) => {
      assert.ok(error instanceof InvalidArgumentError);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });

  it("says that nobody answers, without the password", async () => {
    const port = await closedPort();
    await assert.rejects(
      connect({
        servers: `nats://127.0.0.1:${port}`,
        user: "ada",
        pass: "secret",

        timeout: 2_000,
      }),
      (error) => {
        assert.ok(error instanceof StoreUnavailableError);
        assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`));
        assert.doesNotMatch(error.message, /secret/);
        assert.ok(error.cause instanceof Error);
        return true;
      },
    );
  });

  it("says that the credentials were refused", async () => {
    await using server = await startNatsServer({
      jetstream: false,
      config: "authorization { user: ada, password: right }",
    });
    await assert.rejects(
      connect({ servers: server.url, user: "ada", pass: "wrong" }),
      PermissionDeniedError,
    );
    const nc = await connect({
      servers: server.url,
      user: "ada",
      pass: "right",
    });
    await nc.close();
  });

  it("refuses a server that is too old, naming both versions", async () => {
    const old = createServer((socket) => {
      socket.on("error", () => {});
      socket.write(
        'INFO {"version":"2.10.7","max_payload":1048576,"proto":1,"headers":true}\r\n',
      );
      socket.on("data", (data) => {
        if (data.toString().includes("PING")) socket.write("PONG\r\n");
      });
    });
    const port = await new Promise<number>((resolve) => {
      old.listen(
        0,
        "127.0.0.1",
        () => resolve((old.address() as { port: number }).port),
      );
    });
    await assert.rejects(connect({ servers: `127.0.0.1:${port}` }), (error) => {
      assert.ok(error instanceof UnsupportedServerError);
      assert.deepEqual(error.details, { found: "2.10.7", needed: "2.14.0" });
      assert.match(error.message, /2\.10\.7/);
      return true;
    });
    await new Promise((resolve) => old.close(resolve));
  });

  it(
    "says so where Deno's own transport cannot be had",
    { skip: !isBun },
    async () => {
      const { url } = await testServer();
      await assert.rejects(
        connect({ servers: url, transport: "deno" }),
        (error) => {
          assert.ok(error instanceof UnsupportedServerError);
          assert.match(error.message, /transport-deno/);
          return true;
        },
      );
    },
  );
});

describe("atLeast()", () => {
  it("compares number by number", () => {
    for (
      const [found, needed, expected] of [
        ["2.14.0", "2.14.0", true],
        ["2.15.2", "2.14.0", true],
        ["2.9.25", "2.14.0", false],
        ["2.13.9", "2.14.0", false],
        ["3.0.0", "2.14.0", true],
        ["v2.14.1", "2.14.0", true],
        ["2.14.0-RC.1", "2.14.0", true],
        ["nonsense", "2.14.0", false],
      ] as const
    ) assert.equal(atLeast(found, needed), expected, found);
  });
});

function closedPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
