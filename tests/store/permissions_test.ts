import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { Aether, defineActor, definePolicy } from "../../actor/mod.ts";
import { PermissionDeniedError, Rejected } from "../../event/mod.ts";
import { connectCluster } from "../../cluster/mod.ts";
import { connect, type Connection } from "../../nats/mod.ts";
import { defineProjection } from "../../projection/mod.ts";
import { destroyNamespace, JetStreamEventStore } from "../../store/mod.ts";
import { run, which } from "../../tools/process.ts";
import {
  eventually,
  isDeno,
  type NatsServers,
  startNatsServer,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";

const LIMIT = { timeout: 30_000 };
const CONFIG = readFileSync(
  new URL("./fixtures/permissions.conf", import.meta.url),
  "utf8",
);
/** What only actors need, for what their decisions promise. */
/** What policies and projections need beside. */
const PARTS_ONLY = /^aether\.(sub|wake|view)\.|AETHER=(SUB|VIEW)=/;
const INBOX_ONLY =
  /^aether\.(cmd|at|park|mark|note)\.|(MSG.GET|MSG.DELETE|DIRECT.GET).AETHER=INBOX/;
const EVENT = { eventType: "Written", data: { by: 1 } };
const INBOXES: Readonly<Record<string, string>> = {
  application: "_INBOX_app",
  provisioner: "_INBOX_provisioner",
  reader: "_INBOX_reader",
  caller: "_INBOX_caller",
};

/** A user's connection, what it published to, and what the server did not let it do. */
interface User extends AsyncDisposable {
  readonly nc: Connection;
  readonly published: ReadonlySet<string>;
  readonly violations: readonly string[];
}

describe("users with the least permissions", () => {
  let servers: NatsServers;

  before(async () => {
    servers = await startNatsServer({ config: CONFIG });
    await using operator = await as("operator");
    await (await JetStreamEventStore.open(operator.nc, {
      namespace: "elsewhere",
    })).close();
  }, LIMIT);
  after(() => servers.stop(), LIMIT);

  async function as(user: string): Promise<User> {
    const inboxPrefix = INBOXES[user];
    const nc = await connect({
      servers: servers.url,
      user,
      pass: `${user}-secret`,
      ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    });
    const published = new Set<string>();
    const publish = nc.publish.bind(nc);
    nc.publish = (subject, ...rest) => {
      published.add(subject);
      publish(subject, ...rest);
    };
    const violations: string[] = [];
    (async () => {
      for await (const status of nc.status()) {
        if (status.type === "error") violations.push(status.error.message);
      }
    })();
    return {
      nc,
      published,
      violations,
      [Symbol.asyncDispose]: () => nc.close(),
    };
  }

  it("the provisioner creates the streams", LIMIT, async () => {
    await using user = await as("provisioner");
    const store = await JetStreamEventStore.open(user.nc, {
      namespace: "shop",
    });
    await store.close();
    await using _ports = await connectCluster(user.nc, { cluster: "shop" });
    assert.deepEqual(user.violations, []);
    assert.deepEqual(unused(user, "provisioner"), []);
  });

  it(
    "the application appends, reads, lists, loads, keeps snapshots",
    LIMIT,
    async () => {
      await using user = await as("application");
      const store = await JetStreamEventStore.open(user.nc, {
        namespace: "shop",
      });
      await useAll(store);
      assert.deepEqual(user.violations, []);
      // Actors are not used here, so neither are their subjects.
      const rest = unused(user, "application").filter((s) =>
        !/^aether\.(do|ask|node)\.|KV.aether/.test(s) && !INBOX_ONLY.test(s) &&
        !PARTS_ONLY.test(s)
      );
      assert.deepEqual(rest, []);
      await store.close();
    },
  );

  it("the reader reads, lists and loads", LIMIT, async () => {
    await using user = await as("reader");
    const options = { namespace: "shop", provision: false };
    const store = await JetStreamEventStore.open(user.nc, options);
    await readAll(store);
    assert.deepEqual(user.violations, []);
    assert.deepEqual(unused(user, "reader"), []);
    await store.close();
  });

  it("the reader cannot append: nothing is stored", LIMIT, async () => {
    await using user = await as("reader");
    const store = await JetStreamEventStore.open(user.nc, {
      namespace: "shop",
    });
    const before = await store.getLatestVersion("order-1");
    const start = performance.now();
    for (
      const refused of [
        () => store.append("order-1", [EVENT]),
        () => store.append("order-new", [EVENT], { expectedVersion: 0 }),
        () =>
          store.appendAll([{ actorId: "order-1", events: [EVENT] }, {
            actorId: "order-2",
            events: [EVENT],
          }]),
        () =>
          store.saveEvent({
            ...EVENT,
            id: "x",
            actorId: "order-1",
            version: before + 1,
            timestamp: new Date(),
          }),
        () =>
          store.saveSnapshot({
            actorId: "order-1",
            version: before,
            state: {},
            timestamp: new Date(),
          }),
      ]
    ) {
      await assert.rejects(refused(), (error) => {
        assert(error instanceof PermissionDeniedError, String(error));
        assert(!error.retryable && !error.ambiguous);
        assert.match(error.message, /may not use aether\.(ev|sn)\.shop\./);
        return true;
      });
    }
    assert(performance.now() - start < 2_000);
    assert.equal(await store.getLatestVersion("order-1"), before);
    assert.equal(await store.getLatestVersion("order-new"), 0);
    await store.close();
  });

  it(
    "actors run as the application, and a caller calls them",
    LIMIT,
    async () => {
      await using user = await as("application");
      await using aether = await Aether.start({
        namespace: "shop",
        actors: [Counter],
        connection: user.nc,
        provision: false,
      });
      const { version } = await aether.actor(Counter, "a").add({ by: 2 });
      assert.equal(version, 1);
      await using second = await as("application");
      await using client = await Aether.start({
        namespace: "shop",
        actors: [],
        connection: second.nc,
        provision: false,
      });
      await client.actor(Counter, "b").add({ by: 3 });
      assert.equal(await client.actor(Counter, "b").total(), 3);

      await using caller = await as("caller");
      const subject = "aether.ask.shop.counter.c";
      await caller.nc.request(`${subject}.add`, JSON.stringify({ by: 5 }), {
        timeout: 5_000,
      });
      const answer = await caller.nc.request(`${subject}.total`, "", {
        timeout: 5_000,
      });
      assert.match(answer.string(), /5/);
      assert.deepEqual(
        [user.violations, second.violations, caller.violations],
        [[], [], []],
      );
      // What decisions promise is carried out, and what fails is parked.
      await aether.actor(Counter, "a").promiseAll({ to: "b" });
      await eventually(async () => {
        const parked = await aether.parked().list();
        return parked.length === 1 &&
          await client.actor(Counter, "b").total() === 4;
      });
      await aether.parked().drop();
      await eventually(async () => (await aether.parked().list()).length === 0);
      assert.deepEqual(user.violations, []);
      // What a node needs of the cluster's bucket, and of the inbox, it has used.
      const rest = unused(user, "application").filter((subject) =>
        /KV.aether/.test(subject) || INBOX_ONLY.test(subject)
      );
      assert.deepEqual(rest, []);
    },
  );

  it(
    "policies and projections run as the application, an older version is removed",
    LIMIT,
    async () => {
      const Noting = definePolicy("noting", {
        on: [Counter, {
          Added({ data }, ctx) {
            if (data.by < 7) ctx.send(Counter, "noted").add({ by: 7 });
          },
        }],
      });
      const totals = (version: number) =>
        defineProjection("totals", {
          version,
          initial: () => 0,
          key: ({ actorId }) => actorId,
          on: [Counter, { Added: (sum, { data }) => sum + data.by }],
        });
      await using user = await as("application");
      for (const projection of [totals(1), totals(2)]) {
        await using aether = await Aether.start({
          namespace: "shop",
          actors: [Counter],
          policies: [Noting],
          projections: [projection],
          connection: user.nc,
        });
        const { events } = await aether.actor(Counter, "noting").add({ by: 6 });
        const view = aether.projection(projection);
        await view.caughtUpTo({ events });
        const noted = aether.actor(Counter, "noted");
        await eventually(async () =>
          await noted.total() >= 7 * events[0]!.version
        );
        await view.caughtUpTo();
        const found = await Array.fromAsync(view.list());
        assert(found.some(({ key }) => key === "counter-noted"));
        if (projection.version === 1) continue;
        await eventually(() =>
          user.published.has("$JS.API.STREAM.PURGE.AETHER=VIEW=shop")
        );
      }
      assert.deepEqual(user.violations, []);
      const rest = unused(user, "application").filter((subject) =>
        PARTS_ONLY.test(subject)
      );
      assert.deepEqual(rest, []);
    },
  );

  it(
    "a caller without rights on streams and bucket calls through the nodes",
    LIMIT,
    async () => {
      await using user = await as("application");
      await using _node = await Aether.start({
        namespace: "shop",
        actors: [Counter],
        connection: user.nc,
        provision: false,
      });
      await using caller = await as("caller");
      await using client = await Aether.start({
        namespace: "shop",
        actors: [],
        connection: caller.nc,
      });
      const counter = client.actor(Counter, "far");
      const commandId = "once";
      for (let i = 0; i < 2; i++) {
        const { version } = await counter.add({ by: 4 }, { commandId });
        assert.equal(version, 1);
      }
      assert.equal(await counter.total(), 4);
      await assert.rejects(counter.refuse(), { code: "rejected" });
      await assert.rejects(client.store.getEvents("counter-far"), {
        code: "permission_denied",
      });
      assert.equal(client.cluster, undefined);
    },
  );

  describe("the application may not", () => {
    const calls: Readonly<Record<string, string>> = {
      "delete a stream": "$JS.API.STREAM.DELETE.AETHER=EV=shop",
      "purge a stream": "$JS.API.STREAM.PURGE.AETHER=EV=shop",
      "change a stream": "$JS.API.STREAM.UPDATE.AETHER=EV=shop",
      "create a stream": "$JS.API.STREAM.CREATE.AETHER=EV=shop",
      "delete a message": "$JS.API.STREAM.MSG.DELETE.AETHER=EV=shop",
      "delete a stream of snapshots": "$JS.API.STREAM.DELETE.AETHER=SNAP=shop",
      "restore a stream": "$JS.API.STREAM.RESTORE.AETHER=EV=shop",
      "depose a stream's leader":
        "$JS.API.STREAM.LEADER.STEPDOWN.AETHER=EV=shop",
      "forge what the bus shows": "aether.bus.shop.order.1",
      "write another namespace's events": "aether.ev.elsewhere.0.order.1",
      "write another namespace's snapshots": "aether.sn.elsewhere.order.1",
      "call another namespace's actors": "aether.ask.elsewhere.order.1.place",
      "read another namespace's last event":
        "$JS.API.STREAM.MSG.GET.AETHER=EV=elsewhere",
      "read another namespace": "$JS.API.DIRECT.GET.AETHER=EV=elsewhere",
      "list another namespace": "$JS.API.CONSUMER.CREATE.AETHER=EV=elsewhere.x",
      "see which streams there are": "$JS.API.STREAM.NAMES",
    };
    for (const [what, subject] of Object.entries(calls)) {
      it(what, LIMIT, async () => {
        await using user = await as("application");
        await assertMayNotPublish(user, subject);
      });
    }

    for (
      const inbox of [
        "_INBOX.>",
        "_INBOX_reader.>",
        "_INBOX_caller.x",
        ">",
        "$JS.API.>",
      ]
    ) {
      it(`listen on ${inbox}`, LIMIT, async () => {
        await using user = await as("application");
        await assertMayNotSubscribe(user, inbox);
      });
    }

    it("open another namespace", LIMIT, async () => {
      await using user = await as("application");
      await assert.rejects(
        JetStreamEventStore.open(user.nc, { namespace: "elsewhere" }),
        (error) => {
          assert(error instanceof PermissionDeniedError, String(error));
          assert.match(error.message, /STREAM\.INFO\.AETHER=EV=elsewhere/);
          return true;
        },
      );
    });

    it("destroy its own namespace", LIMIT, async () => {
      await using user = await as("application");
      await assert.rejects(
        destroyNamespace(user.nc, "shop", { confirm: "shop" }),
        PermissionDeniedError,
      );
      const store = await JetStreamEventStore.open(user.nc, {
        namespace: "shop",
      });
      assert(await store.getLatestVersion("order-1") > 0);
      await store.close();
    });
  });

  describe("the others may not", () => {
    const calls: readonly (readonly [string, string])[] = [
      ["caller", "aether.ev.shop.0.order.1"],
      ["caller", "aether.bus.shop.order.1"],
      ["caller", "aether.do.shop.order.0.0"],
      ["caller", "aether.node.shop.ping"],
      ["caller", "aether.ask.elsewhere.order.1.place"],
      ["caller", "$JS.API.STREAM.INFO.AETHER=EV=shop"],
      ["reader", "aether.sn.shop.order.1"],
      ["reader", "aether.ask.shop.order.1.place"],
      ["reader", "aether.bus.shop.order.1"],
      ["reader", "$JS.API.STREAM.MSG.GET.AETHER=EV=elsewhere"],
      ["provisioner", "aether.ev.shop.0.order.1"],
      ["provisioner", "$JS.API.DIRECT.GET.AETHER=EV=shop"],
      ["provisioner", "$JS.API.STREAM.DELETE.AETHER=EV=shop"],
    ];
    for (const [user, subject] of calls) {
      it(`${user}: publish to ${subject}`, LIMIT, async () => {
        await using connected = await as(user);
        await assertMayNotPublish(connected, subject);
      });
    }
    for (const user of ["caller", "reader", "provisioner"]) {
      it(`${user}: listen on the application's inbox`, LIMIT, async () => {
        await using connected = await as(user);
        await assertMayNotSubscribe(connected, "_INBOX_app.>");
      });
    }
  });

  /** Every subject of a user's list that it has not published to. */
  function unused({ published }: User, user: string): string[] {
    return allowed(user).filter((allowed) =>
      ![...published].some((subject) =>
        allowed.endsWith(".>")
          ? subject.startsWith(allowed.slice(0, -1))
          : subject === allowed
      )
    );
  }
});

describe("SECURITY.md", () => {
  it("lists what the configuration of this test allows", () => {
    const text = readFileSync(
      new URL("../../SECURITY.md", import.meta.url),
      "utf8",
    );
    for (const user of Object.keys(INBOXES)) {
      const [, section = ""] = text.split(`# ${user}: `);
      const told = [...section.split("\n\n")[0]!.matchAll(/"([^"]+)"/g)].map((
        [, s],
      ) => s);
      for (const subject of allowed(user)) {
        assert(told.includes(subject), `${user}: ${subject}`);
      }
    }
  });
});

describe("a program that may reach one port and nothing else", () => {
  const deno = isDeno ? process.execPath : which("deno");

  it("connects, appends and reads under Deno", LIMIT, async () => {
    if (deno === undefined) {
      console.log("skipped: there is no deno on PATH");
      return;
    }
    const { url } = await testServer();
    const namespace = uniqueNamespace("least");
    const root = new URL("../../", import.meta.url);
    const script = new URL("./fixtures/least_permissions.ts", import.meta.url);
    const { code, output } = await run(deno, [
      "run",
      "--no-prompt",
      "--no-check",
      "--frozen",
      `--config=${new URL("deno.json", root).pathname}`,
      `--allow-net=${new URL(url).host}`,
      script.pathname,
      url,
      namespace,
    ], { cwd: root.pathname, timeout: 25_000 });
    assert.equal(code, 0, output);
    assert.match(output, /stored version 1 in AETHER=EV=least-.*, read 1/);
    const nc = await connect({ servers: url });
    await destroyNamespace(nc, namespace, { confirm: namespace });
    await nc.close();
  });
});

const Counter = defineActor("counter", {
  state: () => ({ total: 0 }),
  events: { Added: (s, e: { by: number }) => ({ total: s.total + e.by }) },
}).commands({
  add: (_s, c: { by: number }) => ({ type: "Added", data: { by: c.by } }),
  refuse(): never {
    throw new Rejected("never");
  },
}).commands({
  promiseAll(_s, c: { to: string }, ctx) {
    const to = ctx.send<typeof Counter>("counter", c.to) as unknown as {
      add(input: { by: number }): void;
      refuse(): void;
    };
    to.add({ by: 1 });
    to.refuse();
    ctx.schedule("soon", { after: 1 }, "add", { by: 1 });
    ctx.schedule("later", { after: 60_000 }, "forget");
    ctx.publish({ type: "Promised" });
  },
  forget: (_s, _c: undefined, ctx) => ctx.cancel("later"),
}).queries({ total: (s) => s.total });

/** Everything a store can do. */
async function useAll(store: JetStreamEventStore): Promise<void> {
  const { version } = await store.append("order-1", [EVENT, EVENT]);
  await store.saveEvent({
    ...EVENT,
    id: "one",
    actorId: "order-1",
    version: version + 1,
    timestamp: new Date(),
  });
  await store.appendAll([
    { actorId: "order-1", events: [EVENT] },
    { actorId: "order-2", events: [EVENT] },
  ]);
  await assert.rejects(
    store.append("order-1", [EVENT], { expectedVersion: 0 }),
  );
  await store.append("order-1", [], { fence: true });
  const snapshot = {
    actorId: "order-1",
    state: { a: 1 },
    timestamp: new Date(),
  };
  assert(await store.saveSnapshot({ ...snapshot, version: version + 1 }));
  assert(await store.saveSnapshot({ ...snapshot, version: version + 2 }));
  // The newest is kept already: two at once look at the leader's.
  await Promise.all(
    [0, 1, 2, 3].map(() =>
      store.saveSnapshot({ ...snapshot, version: version + 2 })
    ),
  );
  await readAll(store);
}

/** Everything a store can read. */
async function readAll(store: JetStreamEventStore): Promise<void> {
  assert((await store.getEvents("order-1")).length >= 4);
  assert(await store.getLatestVersion("order-1") >= 4);
  const loaded = await store.load("order-1");
  assert(loaded.snapshot !== undefined);
  assert((await store.load("order-1", { schema: false })).commits.length >= 3);
  assert(await store.getLatestSnapshot("order-1") !== undefined);
  for (const direction of ["forward", "backward"] as const) {
    assert((await Array.fromAsync(store.read({ direction }))).length >= 5);
    assert(
      (await Array.fromAsync(store.read({ type: "order", direction })))
        .length >= 5,
    );
    assert(
      (await Array.fromAsync(store.read({ actorId: "order-1", direction })))
        .length >= 4,
    );
  }
  const actors = await Array.fromAsync(store.listActors());
  assert(actors.includes("order-1") && actors.includes("order-2"));
  assert(
    (await Array.fromAsync(store.listActors({ type: "order" }))).length >= 2,
  );
}

/** What the fixture lets a user publish to. */
function allowed(user: string): string[] {
  const [, block] = CONFIG.split(`user: ${user},`);
  const [, list] = /publish: \{ allow: \[([^\]]*)\]/.exec(block!)!;
  return [...list!.matchAll(/^\s*"([^"]+)"/gm)].map(([, subject]) => subject!);
}

async function assertMayNotPublish(user: User, subject: string): Promise<void> {
  user.nc.publish(subject, "{}");
  await user.nc.flush();
  await eventually(() => user.violations.length > 0);
  assert(user.violations[0]!.includes(subject), user.violations[0]);
}

async function assertMayNotSubscribe(
  user: User,
  subject: string,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<Error>();
  user.nc.subscribe(subject, {
    callback: (error) => {
      if (error !== null) resolve(error);
    },
  });
  await user.nc.flush();
  assert.equal((await promise).name, "PermissionViolationError");
}
