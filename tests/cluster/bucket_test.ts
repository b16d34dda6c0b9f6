import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { ClusterManager, connectCluster } from "../../cluster/mod.ts";
import {
  InvalidArgumentError,
  MisconfiguredError,
  PermissionDeniedError,
} from "../../event/mod.ts";
import { connect, type Connection } from "../../nats/mod.ts";
import {
  eventually,
  type NatsServers,
  startNatsServer,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";

const LIMIT = { timeout: 30_000 };

/** What the server says to a request of the JetStream API. */
async function api(
  nc: Connection,
  verb: string,
  body: unknown = "",
): Promise<Record<string, unknown>> {
  const payload = body === "" ? "" : JSON.stringify(body);
  const answer = await nc.request(`$JS.API.STREAM.${verb}`, payload, {
    timeout: 5_000,
  });
  const found = answer.json() as Record<string, unknown>;
  assert.equal(found["error"], undefined, JSON.stringify(found["error"]));
  return found;
}

/** Opens the world of a cluster and closes it again. */
async function open(
  nc: Connection,
  options: Parameters<typeof connectCluster>[1],
): Promise<void> {
  await (await connectCluster(nc, options))[Symbol.asyncDispose]();
}

describe("the bucket of a cluster", () => {
  const connections: Connection[] = [];
  after(async () => {
    for (const nc of connections) await nc.close();
  });
  async function shared(): Promise<Connection> {
    const nc = await connect({ servers: (await testServer()).url });
    connections.push(nc);
    return nc;
  }

  it(
    "is created where it is missing, once, however many begin",
    LIMIT,
    async () => {
      const nc = await shared();
      const cluster = uniqueNamespace("bucket");
      await Promise.all(
        Array.from({ length: 10 }, () => open(nc, { cluster })),
      );
      const { config } = await api(nc, `INFO.KV_aether-${cluster}`);
      const found = config as Record<string, unknown>;
      assert.deepEqual(found["subjects"], [`$KV.aether-${cluster}.>`]);
      assert.equal(found["storage"], "file");
      assert.equal(found["allow_direct"], false);
      assert.equal(found["max_msgs_per_subject"], 1);
      assert.equal(found["allow_msg_ttl"], true);
      assert.equal(found["deny_delete"], true);
      assert.equal(found["num_replicas"], 1);
      // It is taken as it is, also by who may not create it.
      await open(nc, { cluster, provision: false });
      // One cluster is not another, dots or not.
      const other = uniqueNamespace("bucket") + ".eu";
      await open(nc, { cluster: other });
      await api(nc, `INFO.KV_aether-${other.replace(".", "=")}`);
    },
  );

  it("is not created with provision false", LIMIT, async () => {
    const nc = await shared();
    const cluster = uniqueNamespace("bucket");
    const refused = (error: MisconfiguredError) => {
      assert.equal(error.code, "misconfigured");
      assert.match(error.message, new RegExp(`KV_aether-${cluster} does not`));
      return true;
    };
    const options = { cluster, provision: false };
    await assert.rejects(open(nc, options), refused);
    const manager = new ClusterManager(nc, "one", options);
    await assert.rejects(manager.start(), refused);
    await manager.stop();
  });

  it("is a name of 1 to 4 tokens", LIMIT, async () => {
    const nc = await shared();
    for (const cluster of ["", "a b", "*", "a.b.c.d.e", "a..b"]) {
      await assert.rejects(open(nc, { cluster }), InvalidArgumentError);
    }
  });

  const wrong: readonly (readonly [string, Record<string, unknown>])[] = [
    ["subjects", { subjects: ["PREFIX>", "also.SELF"] }],
    ["storage", { storage: "memory" }],
    ["retention", { retention: "interest" }],
    ["max_msgs_per_subject", { max_msgs_per_subject: 5 }],
    ["allow_direct", { allow_direct: true }],
    ["allow_msg_ttl", {
      allow_msg_ttl: false,
      subject_delete_marker_ttl: undefined,
    }],
    ["max_age", { max_age: 60_000_000_000, subject_delete_marker_ttl: 0 }],
    ["max_msgs", { max_msgs: 1_000 }],
    ["max_bytes", { max_bytes: 1_000_000 }],
    ["republish", { republish: undefined }],
    ["republish", { republish: { src: "PREFIX>", dest: "elsewhere.SELF.>" } }],
  ];
  for (const [field, change] of wrong) {
    it(
      `is refused with its ${field} at ${
        JSON.stringify(Object.values(change))
      }`,
      LIMIT,
      async () => {
        const nc = await shared();
        const model = uniqueNamespace("bucket");
        await open(nc, { cluster: model });
        const { config } = await api(nc, `INFO.KV_aether-${model}`);
        // The same for another cluster, but for the change.
        const cluster = uniqueNamespace("bucket");
        const text = JSON.stringify({ ...config as object, ...change })
          .replaceAll(model, cluster)
          .replaceAll("PREFIX", `$KV.aether-${cluster}.`)
          .replaceAll("SELF", cluster);
        await api(nc, `CREATE.KV_aether-${cluster}`, JSON.parse(text));
        await assert.rejects(open(nc, { cluster }), (error: unknown) => {
          assert.ok(error instanceof MisconfiguredError);
          assert.equal(error.code, "misconfigured");
          assert.equal(error.details?.["field"], field);
          assert.match(
            error.message,
            new RegExp(`KV_aether-${cluster} as its ${field} breaks a promise`),
          );
          return true;
        });
        await api(nc, `DELETE.KV_aether-${cluster}`);
      },
    );
  }
});

describe("the bucket and who may use it", () => {
  const CONFIG = `
    authorization { users: [
      { user: operator, password: operator }
      { user: node, password: node, permissions: {
        publish: [
          "$KV.aether-shop.>"
          "$JS.API.STREAM.INFO.KV_aether-shop"
          "$JS.API.STREAM.MSG.GET.KV_aether-shop"
          "aether.node.shop.>"
        ]
        subscribe: ["_INBOX.>", "aether.ctl.shop.>", "aether.node.shop.>"]
        allow_responses: true
      } }
      { user: onlooker, password: onlooker, permissions: {
        publish: [
          "$JS.API.STREAM.INFO.KV_aether-shop"
          "$JS.API.STREAM.MSG.GET.KV_aether-shop"
        ]
        subscribe: ["_INBOX.>", "aether.ctl.shop.>"]
      } }
      { user: stranger, password: stranger, permissions: {
        publish: ["aether.node.shop.>"], subscribe: ["_INBOX.>"]
      } }
    ] }`;
  // Not in a `before`: Bun gives that five seconds, whatever it is told.
  let starting: Promise<NatsServers> | undefined;
  const connections: Connection[] = [];
  after(async () => {
    for (const nc of connections) await nc.close();
    await (await starting)?.stop();
  });
  async function as(user: string): Promise<Connection> {
    const { url } = await (starting ??= startNatsServer({ config: CONFIG }));
    const nc = await connect({ servers: url, user, pass: user });
    connections.push(nc);
    return nc;
  }
  const denied = (error: unknown) => {
    assert.ok(error instanceof PermissionDeniedError, String(error));
    assert.equal(error.code, "permission_denied");
    return true;
  };

  it(
    "is created by who may, and used by nodes with the least rights",
    LIMIT,
    async () => {
      const node = await as("node");
      await assert.rejects(
        open(node, { cluster: "shop" }),
        (error: Error) =>
          denied(error) && /may not create it/.test(error.message),
      );
      await open(await as("operator"), { cluster: "shop" });
      const violations: string[] = [];
      (async () => {
        for await (const status of node.status()) {
          if (status.type === "error") violations.push(status.error.message);
        }
      })();
      const type = { namespace: "shop", type: "cart" };
      const options = { cluster: "shop", hosts: [type] };
      const one = new ClusterManager(node, "one", options);
      const two = new ClusterManager(await as("node"), "two", options);
      await one.start();
      await two.start();
      // A hand-off by all its messages: asked, released, given.
      await eventually(() => {
        assert.equal(new Set(two.shardMap("cart").nodes).size, 2);
        for (let shard = 0; shard < 256; shard++) {
          assert.ok(one.held(type, shard) ?? two.held(type, shard));
        }
        return true;
      });
      await two.stop();
      assert.ok(one.shardMap("cart").nodes.every((owner) => owner === "one"));
      assert.ok(!one.shardMap("cart").owner(0)!.seized);
      await one.stop();
      assert.deepEqual(violations, []);
    },
  );

  it("is followed by who may only read it", LIMIT, async () => {
    await open(await as("operator"), { cluster: "shop" });
    const onlooker = new ClusterManager(await as("onlooker"), "onlooker", {
      cluster: "shop",
      observes: true,
    });
    await onlooker.start();
    assert.equal(onlooker.isLeader(), false);
    await onlooker.stop();
    const node = new ClusterManager(await as("onlooker"), "node", {
      cluster: "shop",
    });
    await assert.rejects(node.start(), denied);
    await node.stop();
  });

  it("is refused to everybody else, at once", LIMIT, async () => {
    await open(await as("operator"), { cluster: "shop" });
    const began = performance.now();
    await assert.rejects(
      open(await as("stranger"), { cluster: "shop" }),
      denied,
    );
    assert.ok(performance.now() - began < 3_000);
  });
});
