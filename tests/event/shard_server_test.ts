/** Any client finds an actor's shard: a nats-server's own mapping agrees with ours. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import { type ActorAddress, parseActorId } from "../../event/mod.ts";
import { startNatsServer } from "../support/mod.ts";
import { SHARD_VECTORS } from "./_shard_vectors.ts";

describe("shardOf() against {{partition(256,1,2)}} of nats-server", () => {
  it("agrees on 1,021 ids, plain, raw and encoded", async () => {
    await using server = await startNatsServer({
      jetstream: false,
      config:
        `mappings: { "in.*.*": "out.{{partition(256,1,2)}}.{{wildcard(1)}}.{{wildcard(2)}}" }`,
    });
    const client = await connect({ servers: server.url });
    try {
      const shards = new Map<string, number>();
      client.subscribe("out.>", {
        callback: (_error, { subject }) => {
          const [, shard, type, key] = subject.split(".");
          shards.set(`${type}.${key}`, Number(shard));
        },
      });
      for (const { type, keyToken } of addresses) {
        client.publish(`in.${type}.${keyToken}`);
      }
      // The server answers this behind everything it has delivered before.
      await client.flush();
      assert.equal(shards.size, addresses.length);
      assert.equal(shards.size, 1_021);
      assert.deepEqual(
        addresses.map((a) => shards.get(`${a.type}.${a.keyToken}`)),
        addresses.map((a) => a.shard),
      );
    } finally {
      await client.close();
    }
  });
});

const addresses: readonly ActorAddress[] = Array.from(
  { length: 200 },
  (_, i) => [
    `order-${1_000 + i}`,
    `Line_Item-${i}-${i * 7919}`,
    `${i}/raw.id`,
    `customer-jürgen.${i}@example.org 😀`,
    String.fromCodePoint(0x4e00 + i * 37).repeat(1 + i % 14),
  ],
).flat().concat(SHARD_VECTORS.map(([id]) => id)).map(parseActorId);
