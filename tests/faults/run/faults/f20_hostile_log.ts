import {
  CommitHeader,
  ONE_EVENT,
  parseActorId,
  subjectsOf,
  ulid,
} from "../../../../event/mod.ts";
import { Aether, defineActor } from "../../../../mod.ts";
import { connect, Link } from "../../../../nats/mod.ts";
import type { Fault } from "../fault.ts";
import { codeOf, Findings } from "./_findings.ts";

/**
 * The type of the actors whose logs are spoilt. They stay in the world's log for
 * good: who reads all of it, and not one type, meets them.
 */
export const HOSTILE = "hostile";

const Hostile = defineActor(HOSTILE, {
  state: () => ({ sum: 0 }),
  events: { Added: (s, e: { by: number }) => ({ sum: s.sum + e.by }) },
}).commands({
  add: (_s, by: number) => ({ type: "Added", data: { by } }),
}).queries({ sum: (s) => s.sum });

const DEPTH = 100_000;

/** What stands in an actor's log behind its first event. */
interface Poison {
  readonly what: string;
  body(actorId: string, source: string): string;
  /** Of the message; those of a commit by default. */
  readonly headers?: Readonly<Record<string, string>>;
}

const POISONS: readonly Poison[] = [
  { what: "an event of an unknown type", body: event({ type: "Unheard" }) },
  { what: "a body that is cut off", body: () => '{"specversion":"1.0","id":' },
  { what: "no JSON at all", body: () => "\u0000\u0001 nonsense" },
  {
    what: "a prototype",
    body: (...of) =>
      event({})(...of).replace('"by":1', '"__proto__":{"admin":true},"by":1'),
  },
  {
    what: "data that is too deep",
    body: (...of) =>
      event({})(...of).replace(
        '{"by":1}',
        "[".repeat(DEPTH) + "]".repeat(DEPTH),
      ),
  },
  { what: "a version that is missing", body: event({ actorversion: 4 }) },
  { what: "no version", body: event({ actorversion: undefined }) },
  {
    what: "an event of another actor",
    body: event({ subject: "hostile-good" }),
  },
  { what: "no name of a commit", body: event({}), headers: {} },
];

/** Messages that no writer of ours makes, raw in the logs of a few actors. */
export const f20: Fault = {
  id: "F20",
  title: "a log holds what nobody of ours has written",
  replicas: [1, 3],
  takes: 6_000,
  quick: true,
  async inject(world, random) {
    const found = new Findings();
    const nc = await connect({ servers: [...world.servers.urls] });
    const link = new Link(nc);
    const node = await Aether.start({
      servers: [...world.servers.urls],
      namespace: world.namespace,
      nodeId: `hostile-${random.int(1e9)}`,
      actors: [Hostile],
      replicas: world.replicas,
      closeOnSignals: false,
    });
    try {
      const run = random.int(1e9);
      const ask = (key: string) =>
        node.actor(Hostile, key).add(1, { timeout: 10_000 })
          .then(() => "done", codeOf);
      const took: number[] = [];
      for (const [i, poison] of POISONS.entries()) {
        const key = `${run}-${i}`;
        found.promised(await ask(key) === "done", `${key} was not there`);
        await spoil(link, world.namespace, `${HOSTILE}-${key}`, poison);
        // The first one meets the message, the second one finds the actor closed.
        const told = [await ask(key), await ask(key)];
        found.promised(
          told.every((code) => code === "quarantined"),
          `${poison.what} was told as ${told.join(" and ")}`,
        );
        const began = world.now();
        const good = await ask(`${run}-good`);
        took.push(world.now() - began);
        found.promised(good === "done", `beside ${poison.what}: "${good}"`);
      }
      found.measured(
        "call beside an actor whose log is spoilt",
        took,
        "ms",
        1_000,
      );
      const closed = node.quarantined().map(({ actorId }) => actorId);
      found.injected(closed.length > 0, "no actor is closed");
      found.promised(
        closed.length === POISONS.length,
        `${closed.length} of ${POISONS.length} actors are closed`,
      );
      found.promised(
        ({} as { admin?: boolean }).admin === undefined,
        "a prototype was changed",
      );
      const beside = await Promise.all(
        world.keys.slice(0, 20).map((key) => world.call(key)),
      );
      found.measured(
        "call of the world's actors beside it",
        beside,
        "ms",
        1_000,
      );
      for (const code of ["quarantined", "corrupt_log", "command_failed"]) {
        const calls = world.failed().get(code) ?? 0;
        found.promised(calls === 0, `${calls} calls of others failed: ${code}`);
      }
    } finally {
      await node.close();
      await link.close();
      await nc.close();
    }
    await world.settled();
    return found;
  },
};

async function spoil(
  link: Link,
  namespace: string,
  actorId: string,
  { body, headers = ofCommit(), what }: Poison,
): Promise<void> {
  const subject = subjectsOf(namespace).event(parseActorId(actorId));
  const text = body(actorId, `/aether/${namespace}`);
  const ack = await link.request(subject, text, { headers, timeout: 5_000 });
  const { error } = ack.json() as { error?: { description: string } };
  if (error !== undefined) {
    throw new Error(`${what} was not stored: ${error.description}`);
  }
}

function ofCommit(): Readonly<Record<string, string>> {
  return {
    [CommitHeader.commit]: ulid(),
    [CommitHeader.contentType]: ONE_EVENT,
  };
}

/** A second event as it is stored, but for some of its fields. */
function event(but: Readonly<Record<string, unknown>>) {
  return (actorId: string, source: string): string =>
    JSON.stringify({
      specversion: "1.0",
      id: ulid(),
      type: "Added",
      source,
      subject: actorId,
      time: new Date().toISOString(),
      datacontenttype: "application/json",
      actorversion: 2,
      data: { by: 1 },
      ...but,
    });
}
