/**
 * A counter: an actor's events, commands and queries, in one process and in
 * memory. Nothing needs to be installed.
 *
 *     deno run -A examples/01_counter.ts
 *     bun examples/01_counter.ts
 */
import { Aether, defineActor } from "@flowmade/aether";

const Counter = defineActor("counter", {
  state: () => ({ count: 0 }),
  events: {
    Counted: (s, e: { by: number }) => ({ count: s.count + e.by }),
    Cleared: () => ({ count: 0 }),
  },
}).commands({
  add: (_s, c: { by: number }) => ({ type: "Counted", data: { by: c.by } }),
  // No event where nothing changes.
  clear: (s) => s.count === 0 ? [] : { type: "Cleared" },
}).queries({
  count: (s) => s.count,
});

await using aether = await Aether.start({
  namespace: "home",
  actors: [Counter],
});
const visitors = aether.actor(Counter, "visitors");

for (const by of [1, 2, 3]) {
  const { version } = await visitors.add({ by });
  console.log(`add ${by}: the counter is at version ${version}`);
}
console.log(`visitors: ${await visitors.count()}`);

await visitors.clear();
console.log(`after clear: ${await visitors.count()}`);
const { version, events } = await visitors.clear();
console.log(
  `a second clear makes ${events.length} events, version stays ${version}`,
);

// Each key is an actor of its own.
console.log(`guests: ${await aether.actor(Counter, "guests").count()}`);

// What happened is all there is; the state is what it adds up to.
for (const event of await aether.store.getEvents("counter-visitors")) {
  const data = event.data === undefined ? "" : JSON.stringify(event.data);
  console.log(`  ${event.version} ${event.eventType} ${data}`.trimEnd());
}
