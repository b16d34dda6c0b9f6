/** What an inbox promises, in memory and on JetStream. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  connect,
  destroyNamespace,
  type DurableCommand,
  type Inbox,
  InMemoryEventStore,
  JetStreamEventStore,
  type ParkedCommand,
  parseActorId,
  streamNames,
  ulid,
} from "../../mod.ts";
import { eventually, testServer, uniqueNamespace } from "../support/mod.ts";

interface World extends AsyncDisposable {
  readonly inbox: Inbox;
}

const worlds: readonly [string, () => Promise<World>][] = [
  ["in memory", () => {
    const store = new InMemoryEventStore({ namespace: "inbox" });
    return Promise.resolve({
      inbox: store.inbox,
      [Symbol.asyncDispose]: () => store.close(),
    });
  }],
  ["on JetStream", async () => {
    const nc = await connect({ servers: (await testServer()).url });
    const namespace = uniqueNamespace("inbox");
    const store = await JetStreamEventStore.open(nc, { namespace });
    return {
      inbox: store.inbox,
      async [Symbol.asyncDispose]() {
        await store.close();
        await destroyNamespace(nc, namespace, { confirm: namespace });
        await nc.close();
      },
    };
  }],
];

const { shard } = parseActorId("order-1");
const place = { type: "order", shard };
const command = (input: unknown, parts: Partial<DurableCommand> = {}) => ({
  commandId: ulid(),
  actorId: "order-1",
  command: "add",
  input,
  source: "test",
  ...parts,
});
const parked = (
  command: DurableCommand,
  order: number,
  attempts = 1,
): ParkedCommand => ({
  command,
  because: "failed",
  reason: "böse",
  code: "command_failed",
  attempts,
  at: new Date(5),
  order,
});

/** A key of another actor in the same shard. */
function neighbour(): string {
  for (let i = 2;; i++) {
    if (parseActorId(`order-${i}`).shard === shard) return `order-${i}`;
  }
}

for (const [name, world] of worlds) {
  describe(`an inbox, ${name}`, () => {
    it("gives back what was put there, in order, until it is removed", async () => {
      await using w = await world();
      const { inbox } = w;
      const whole = command({ deep: ["ü", null, 1.5] }, {
        onRejected: "undo",
        timer: { name: "ü@.*", id: "T1" },
        correlationId: "çorr",
        causationId: "c",
        traceparent: "t",
      });
      await inbox.put(whole);
      const { input: _input, ...bare } = command(undefined);
      await inbox.put(bare);
      await inbox.put(command(3, { actorId: neighbour() }));
      await inbox.put(command(4, { actorId: "invoice-1" }));
      const page = await inbox.read(place, 1);
      assert.equal(page.more, false);
      const [first, second, third] = page.commands;
      assert.deepEqual(first, { ...whole, sequence: first!.sequence });
      assert.deepEqual(second, { ...bare, sequence: second!.sequence });
      assert.equal(third!.input, 3);
      assert.equal(page.last, third!.sequence);

      const short = await inbox.read(place, 1, { limit: 2 });
      assert.deepEqual([short.commands.length, short.more], [2, true]);
      const own = await inbox.read(place, 1, { actorId: "order-1" });
      assert.equal(own.commands.length, 2);
      const behind = await inbox.read(place, first!.sequence + 1);
      assert.equal(behind.commands.length, 2);

      await inbox.remove(second!.sequence);
      await inbox.remove(second!.sequence); // gone already
      const left = await inbox.read(place, 1);
      assert.deepEqual(left.commands.map(({ sequence }) => sequence), [
        first!.sequence,
        third!.sequence,
      ]);
      const { next, places } = await inbox.places(1);
      assert.equal(next, undefined);
      assert.deepEqual(
        new Set(places.map(({ type }) => type)),
        new Set(["order", "invoice"]),
      );
      const none = await inbox.read(
        { type: "order", shard: (shard + 1) % 256 },
        1,
      );
      assert.deepEqual(none, {
        commands: [],
        broken: [],
        last: 0,
        more: false,
      });
    });

    it("tells of what comes, and rings its alarms", async () => {
      await using w = await world();
      const { inbox } = w;
      const seen: string[] = [];
      const stop = inbox.onArrival((where, sequence) =>
        seen.push(`${where.type}/${where.shard} ${sequence > 0}`)
      );
      await inbox.put(command(1));
      await eventually(() => seen.length === 1);
      const late = command(2, { timer: { name: "t", id: "A" } });
      const gone = command(3);
      await inbox.setAlarm(gone, Date.now() + 300);
      await inbox.setAlarm(late, Date.now() - 1_000); // missed: at once
      await inbox.setAlarm(command(4), Date.now() + 400);
      await inbox.clearAlarm(gone.actorId, gone.commandId);
      await inbox.clearAlarm(gone.actorId, gone.commandId);
      await eventually(() => seen.length === 3);
      const { commands } = await inbox.read(place, 1);
      assert.deepEqual(commands.map(({ input }) => input), [1, 2, 4]);
      assert.deepEqual(commands[1]!.timer, { name: "t", id: "A" });
      assert.deepEqual(new Set(seen), new Set([`order/${shard} true`]));
      stop();
      await inbox.put(command(5));
      await inbox.read(place, 1);
      assert.equal(seen.length, 3);
    });

    it("parks: each command once, in the order of the inbox", async () => {
      await using w = await world();
      const { inbox } = w;
      const [one, two] = [command(1), command(2, { actorId: "invoice-1" })];
      await inbox.park(parked(one, 7));
      await inbox.park(parked(two, 8));
      await inbox.park(parked(one, 7, 3)); // again
      const all = await inbox.parked();
      assert.deepEqual(
        all.map(({ sequence: _, ...rest }) => rest),
        [parked(one, 7, 3), parked(two, 8)],
      );
      assert.equal((await inbox.parked(place)).length, 1);
      const found = await inbox.findParked("order-1", one.commandId);
      assert.equal(found?.attempts, 3);
      await inbox.remove(found!.sequence);
      assert.equal(await inbox.findParked("order-1", one.commandId), undefined);
      assert.equal((await inbox.parked()).length, 1);
    });

    it("keeps marks by life", async () => {
      await using w = await world();
      const { inbox } = w;
      assert.equal(await inbox.mark("run-1"), undefined);
      await inbox.setMark("run-1", { sequence: 5, covers: [] });
      await inbox.setMark("run-1", { sequence: 9, covers: ["run-0"] });
      await inbox.setMark("run-2", { sequence: 1, covers: [] });
      assert.deepEqual(await inbox.mark("run-1"), {
        sequence: 9,
        covers: ["run-0"],
      });
      await inbox.setMark("run-2", undefined);
      assert.equal(await inbox.mark("run-2"), undefined);
      assert.deepEqual([...(await inbox.marks()).keys()], ["run-1"]);
    });

    it("refuses what no actor could be given", async () => {
      await using w = await world();
      const { inbox } = w;
      const code = "invalid_argument";
      const put = (parts: Partial<DurableCommand>) =>
        inbox.put(command(1, parts));
      await assert.rejects(put({ commandId: "" }), { code });
      await assert.rejects(put({ commandId: "a b" }), { code });
      await assert.rejects(put({ actorId: "" }), { code });
      assert.deepEqual((await inbox.places(1)).places, []);
    });
  });
}

describe("the inbox stream", () => {
  it("is made with the others, checked, has no consumers, and goes with them", async () => {
    const nc = await connect({ servers: (await testServer()).url });
    const namespace = uniqueNamespace("inbox");
    const name = streamNames(namespace).inbox;
    const api = async (call: string, body: unknown = "") =>
      (await nc.request(`$JS.API.STREAM.${call}.${name}`, JSON.stringify(body)))
        .json() as Promise<Record<string, Record<string, unknown>>>;
    const open = () => JetStreamEventStore.open(nc, { namespace });
    for (let i = 0; i < 2; i++) await (await open()).close();
    const { config } = await api("INFO");
    assert.equal(config!["retention"], "workqueue");
    assert.equal(config!["allow_msg_schedules"], true);
    // What is no command is told, and does not stop what is behind it.
    const store = await open();
    const subject = `aether.cmd.${namespace}.${shard}.order.1`;
    await nc.request(subject, "what?");
    await store.inbox.put(command(1));
    const page = await store.inbox.read(place, 1);
    assert.equal(page.broken.length, 1);
    assert.equal(page.commands.length, 1);
    await store.close();
    assert.equal((await api("INFO"))["state"]!["consumer_count"], 0);

    await api("UPDATE", { ...config, max_msgs: 10 });
    await assert.rejects(open(), (error: Error) => {
      assert.match(error.message, /AETHER=INBOX=.* max_msgs/);
      return true;
    });
    await destroyNamespace(nc, namespace, { confirm: namespace });
    assert.equal((await api("INFO"))["error"]!["err_code"], 10059);
    await nc.close();
  });
});
