/**
 * What opens, closes: Deno's own sanitizers find a timer, a socket or a promise
 * that is left over. Under Bun there is nothing to run here.
 */
import { Aether, defineActor } from "../../mod.ts";
import { connect } from "../../nats/mod.ts";
import { destroyNamespace, JetStreamEventStore } from "../../store/mod.ts";
import { isDeno, testServer, uniqueNamespace } from "../support/mod.ts";

const Counter = defineActor("counter", {
  state: () => ({ count: 0 }),
  events: { Counted: (s) => ({ count: s.count + 1 }) },
}).commands({ count: () => ({ type: "Counted" }) })
  .queries({ value: (s) => s.count });

if (isDeno) {
  // Started outside of the tests, as a server shared by the process outlives them.
  const { url } = await testServer();

  Deno.test("a store leaves nothing behind", async () => {
    const namespace = uniqueNamespace("leaks");
    const nc = await connect({ servers: url });
    const store = await JetStreamEventStore.open(nc, { namespace });
    await store.append("a-1", [{ eventType: "Counted" }]);
    for await (const _event of store.read()) break;
    for await (const _actor of store.listActors()) break;
    const timeout = 50;
    await store.append("a-1", [{ eventType: "Counted" }], {
      expectedVersion: 7,
      timeout,
    })
      .catch(() => {});
    await store.append("a-1", [{ eventType: "Counted" }], {
      signal: AbortSignal.abort(),
    })
      .catch(() => {});
    await store.close();
    await destroyNamespace(nc, namespace, { confirm: namespace });
    await nc.close();
  });

  Deno.test("two nodes and a client leave nothing behind", async () => {
    const namespace = uniqueNamespace("leaks");
    const options = { servers: url, namespace };
    const one = await Aether.start({ ...options, actors: [Counter] });
    const two = await Aether.start({ ...options, actors: [Counter] });
    const client = await Aether.start({ ...options, actors: [] });
    for (let i = 0; i < 20; i++) await client.actor(Counter, `c${i}`).count();
    await client.actor(Counter, "c1").value();
    await one.close();
    await client.actor(Counter, "c2").count();
    await client.close();
    await two.close();
    const nc = await connect({ servers: url });
    await destroyNamespace(nc, namespace, { confirm: namespace });
    await nc.close();
  });

  Deno.test("a system in memory leaves nothing behind", async () => {
    const aether = await Aether.start({
      namespace: "leaks",
      actors: [Counter],
    });
    await aether.actor(Counter, "one").count();
    await aether.close();
  });
}
