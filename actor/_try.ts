import { Aether, connect, defineActor, Rejected } from "@flowmade/aether";
const Account = defineActor("account", {
  state: () => ({ balance: 0 }),
  events: {
    Deposited: (s, e: { amount: number }) => ({ ...s, balance: s.balance + e.amount }),
  },
}).commands({
  deposit: (_s, c: { amount: number }) => ({ type: "Deposited", data: { amount: c.amount } }),
  slow: async (_s, ms: number) => { await new Promise((r) => setTimeout(r, ms)); return { type: "Deposited", data: { amount: 1 } }; },
}).queries({ balance: (s) => s.balance });
const servers = "nats://127.0.0.1:14999", namespace = "t" + Date.now();
const log = (e: unknown) => console.log(e);
const a = await Aether.start({ servers, namespace, actors: [Account], nodeId: "a", log });
const b = await Aether.start({ servers, namespace, actors: [Account], nodeId: "b", log });
const c = await Aether.start({ servers, namespace, actors: [], nodeId: "c", log });
for (let i = 0; i < 10; i++) await c.actor(Account, "x" + i).deposit({ amount: i });
console.log(a.stats(), b.stats(), c.stats());
console.log(await c.actor<typeof Account>("account", "x3").balance());
const nc = await connect({ servers });
console.log((await nc.request(`aether.ask.${namespace}.account.x4.deposit`, '{"amount":5}')).string());
console.log((await nc.request(`aether.ask.${namespace}.account.x4.balance`)).string());
const e = await nc.request(`aether.ask.${namespace}.account.x4.nope`);
console.log(e.headers?.get("Aether-Error"), e.string());
await nc.close();
for (const [name, sys] of [["client", c], ["node a", a]] as const) {
  const N = 20_000, refs = Array.from({ length: 500 }, (_, i) => sys.actor(Account, "k" + i));
  let n = 0; const t = performance.now();
  await Promise.all(Array.from({ length: 64 }, async () => { while (n < N) { const i = n++; await refs[i % 500].deposit({ amount: 1 }); } }));
  console.log(name, "per s", Math.round(N / (performance.now() - t) * 1000));
}
console.log(a.stats(), b.stats());
const t = performance.now();
const calls = Array.from({ length: 40 }, (_, i) => c.actor(Account, "k" + i).slow(300));
setTimeout(() => b.close(), 50);
const r = await Promise.allSettled(calls);
console.log("after close", r.filter((x) => x.status === "rejected"), performance.now() - t);
console.log(a.stats(), b.stats());
await c.close(); await a.close();
console.log("closed");
