import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Server } from "node:net";
import { after, before, describe, it } from "node:test";
import {
  AetherError,
  InvalidArgumentError,
  MisconfiguredError,
  PermissionDeniedError,
  StoreUnavailableError,
  streamNames,
  subjectsOf,
  UnsupportedServerError,
} from "../../event/mod.ts";
import {
  connect,
  type Connection,
  type ConnectOptions,
} from "../../nats/mod.ts";
import {
  destroyNamespace,
  JetStreamEventStore,
  type JetStreamStoreOptions,
} from "../../store/mod.ts";
import {
  type NatsServers,
  startNatsServer,
  testServer,
  uniqueNamespace,
} from "../support/mod.ts";

/** Each test ends by itself, but for this. */
const LIMIT = { timeout: 30_000 };

/** What opening a store says, and how long it took to say so. */
async function opening(
  options: ConnectOptions,
  store: Partial<JetStreamStoreOptions> = {},
): Promise<{ error: AetherError; took: number }> {
  const start = performance.now();
  let nc: Connection | undefined;
  try {
    nc = await connect(options);
    const namespace = uniqueNamespace("refused");
    await JetStreamEventStore.open(nc, { namespace, ...store });
  } catch (error) {
    assert(error instanceof AetherError, String(error));
    return { error, took: performance.now() - start };
  } finally {
    await nc?.close();
  }
  throw new assert.AssertionError({ message: "it opened" });
}

describe("opening a store", () => {
  describe("where nobody can serve it", () => {
    it("says that nothing listens", LIMIT, async () => {
      const { error, took } = await opening({ servers: "nats://127.0.0.1:1" });
      assert(error instanceof StoreUnavailableError);
      assert(error.retryable);
      assert.match(error.message, /127\.0\.0\.1:1 .*is a nats-server running/);
      assert(took < 2_000);
    });

    for (
      const servers of ["", "not a url", "http://localhost:4222", "nats://", [
        "nats://localhost",
        42,
      ], "nats://127.0.0.1:99999"]
    ) {
      it(`refuses the address ${JSON.stringify(servers)}`, LIMIT, async () => {
        const { error, took } = await opening({ servers: servers as string });
        assert(error instanceof InvalidArgumentError, error.message);
        assert(!error.retryable && !error.ambiguous);
        assert(took < 500);
      });
    }

    for (
      const servers of [
        "nats://ada:canary@127.0.0.1:1",
        "ada:canary@127.0.0.1:1",
        "http://ada:canary@127.0.0.1:1",
        "nats://ada:canary@127.0.0.1:99999",
        "nats://canary@127.0.0.1:1",
      ]
    ) {
      it(`keeps the secret of ${servers} to itself`, LIMIT, async () => {
        const { error } = await opening({ servers });
        for (let e: unknown = error; e instanceof Error; e = e.cause) {
          assert.doesNotMatch(`${e.message} ${JSON.stringify(e)}`, /canary/);
        }
      });
    }

    it(
      "says which version is needed of a server that is too old",
      LIMIT,
      async () => {
        await using old = await serverOfVersion("2.10.24");
        const { error, took } = await opening({ servers: old.url });
        assert(error instanceof UnsupportedServerError, error.message);
        assert.match(error.message, /2\.14\.0.*2\.10\.24/);
        assert.deepEqual(error.details, { found: "2.10.24", needed: "2.14.0" });
        assert(took < 2_000);
      },
    );

    it("says that JetStream is off", LIMIT, async () => {
      await using servers = await startNatsServer({ jetstream: false });
      const { error, took } = await opening({ servers: servers.url });
      assert(error instanceof UnsupportedServerError, error.message);
      assert.match(error.message, /JetStream is off.*start it with -js/);
      assert(took < 3_000, `it took ${took} ms`);
    });
  });

  describe("as a user who may not", () => {
    let servers: NatsServers;
    before(async () => {
      servers = await startNatsServer({
        config: `accounts {
          WITH { jetstream: enabled, users: [
            { user: admin, password: secret }
            { user: guest, password: secret,
              permissions { publish: { deny: "$JS.API.STREAM.CREATE.>" } } }
            { user: blind, password: secret, permissions { publish: { deny: "$JS.API.>" } } }
            { user: deaf, password: secret, permissions { subscribe: "_INBOX_deaf.>" } }
          ] }
          WITHOUT { users: [ { user: poor, password: secret } ] }
        }`,
      });
    }, LIMIT);
    after(() => servers.stop(), LIMIT);
    const as = (user: string, pass = "secret") => ({
      servers: servers.url,
      user,
      pass,
    });

    it("says that the credentials are refused", LIMIT, async () => {
      for (
        const options of [as("admin", "wrong"), as("nobody"), {
          servers: servers.url,
        }]
      ) {
        const { error, took } = await opening(options);
        assert(error instanceof PermissionDeniedError, error.message);
        assert.match(error.message, /refused the credentials/);
        assert.doesNotMatch(error.message, /secret|wrong/);
        assert(took < 2_000);
      }
    });

    it("survives refused credentials however often", LIMIT, async () => {
      // An error of a socket given up would be uncaught, and fail this test.
      for (let i = 0; i < 300; i++) {
        await assert.rejects(
          connect(as("admin", "wrong")),
          PermissionDeniedError,
        );
      }
    });

    it("says that the account has no JetStream", LIMIT, async () => {
      const { error, took } = await opening(as("poor"));
      assert(error instanceof UnsupportedServerError, error.message);
      assert.match(error.message, /enable it for this account/);
      assert(took < 3_000, `it took ${took} ms`);
    });

    it("says who should create a stream that is missing", LIMIT, async () => {
      const namespace = uniqueNamespace("refused");
      const { error, took } = await opening(as("guest"), { namespace });
      assert(error instanceof PermissionDeniedError, error.message);
      assert(
        error.message.includes(streamNames(namespace).events),
        error.message,
      );
      assert.match(
        error.message,
        /may not create it: open it once with a user who may/,
      );
      assert(took < 2_000, `it took ${took} ms`);
    });

    it(
      "opens what is there for a user who may not create it",
      LIMIT,
      async () => {
        const namespace = uniqueNamespace("granted");
        const admin = await connect(as("admin"));
        await (await JetStreamEventStore.open(admin, { namespace })).close();
        const guest = await connect(as("guest"));
        const store = await JetStreamEventStore.open(guest, { namespace });
        const { version } = await store.append("a-1", [{
          eventType: "Written",
        }]);
        assert.equal(version, 1);
        await guest.close();
        await admin.close();
      },
    );

    it("says that a missing stream is not to be created", LIMIT, async () => {
      const namespace = uniqueNamespace("refused");
      const options = { namespace, provision: false };
      const { error, took } = await opening(as("admin"), options);
      assert(error instanceof StoreUnavailableError, error.message);
      assert(
        error.message.includes(streamNames(namespace).events),
        error.message,
      );
      assert.match(error.message, /provision is false/);
      assert(took < 1_000);
    });

    it("names the subject to allow", LIMIT, async () => {
      const { error, took } = await opening(as("blind"));
      assert(error instanceof PermissionDeniedError, error.message);
      assert.match(error.message, /\$JS\.API\.STREAM\.INFO\./);
      assert(took < 2_000);
    });

    it(
      "names the inbox, and the option for it, to a user with another one",
      LIMIT,
      async () => {
        const { error, took } = await opening(as("deaf"));
        assert(error instanceof PermissionDeniedError, error.message);
        assert.match(error.message, /_INBOX\..*inboxPrefix/);
        assert(took < 2_000);
        const nc = await connect({ ...as("deaf"), inboxPrefix: "_INBOX_deaf" });
        const store = await JetStreamEventStore.open(nc, {
          namespace: uniqueNamespace("heard"),
        });
        await store.close();
        await nc.close();
      },
    );
  });

  describe("whose streams are there, but", () => {
    let nc: Connection;
    let wanted: Config;
    let wantedSnapshots: Config;
    const model = uniqueNamespace("model");
    before(async () => {
      const { url } = await testServer();
      nc = await connect({ servers: url });
      await (await JetStreamEventStore.open(nc, { namespace: model })).close();
      const { events, snapshots } = streamNames(model);
      wanted = (await api(nc, `STREAM.INFO.${events}`)).config!;
      wantedSnapshots = (await api(nc, `STREAM.INFO.${snapshots}`)).config!;
    }, LIMIT);
    after(async () => {
      await destroyNamespace(nc, model, { confirm: model });
      await nc.close();
    }, LIMIT);

    const HOUR = 3_600_000_000_000;
    // What the server itself does not allow together with another setting.
    const loose = { deny_delete: false, deny_purge: false };
    const changes: readonly Change[] = [
      { field: "subjects", to: (ns) => ({ subjects: [`aether.ev.${ns}.>`] }) },
      {
        field: "subjects",
        to: (ns) => ({ subjects: [subjectsOf(ns).allEvents, `other.${ns}`] }),
      },
      {
        field: "mirror",
        to: () => ({
          subjects: undefined,
          republish: undefined,
          mirror: { name: "none" },
          allow_atomic: false,
        }),
      },
      { field: "storage", to: () => ({ storage: "memory" }) },
      { field: "retention", to: () => ({ retention: "interest" }) },
      { field: "retention", to: () => ({ retention: "workqueue" }) },
      { field: "discard", to: () => ({ discard: "old" }) },
      { field: "max_age", to: () => ({ max_age: HOUR }) },
      { field: "max_msgs", to: () => ({ max_msgs: 1_000_000 }) },
      { field: "max_bytes", to: () => ({ max_bytes: 1_000_000 }) },
      {
        field: "max_msgs_per_subject",
        to: () => ({ max_msgs_per_subject: 100 }),
      },
      { field: "max_msg_size", to: () => ({ max_msg_size: 10_000 }) },
      { field: "deny_delete", to: () => ({ deny_delete: false }) },
      { field: "deny_purge", to: () => ({ deny_purge: false }) },
      { field: "allow_direct", to: () => ({ allow_direct: false }) },
      { field: "allow_atomic", to: () => ({ allow_atomic: false }) },
      { field: "allow_msg_ttl", to: () => ({ allow_msg_ttl: true }) },
      { field: "no_ack", to: () => ({ no_ack: true, allow_atomic: false }) },
      {
        field: "allow_rollup_hdrs",
        to: () => ({ ...loose, allow_rollup_hdrs: true }),
      },
      {
        field: "allow_msg_counter",
        to: () => ({ allow_msg_counter: true, discard: "old" }),
      },
      { field: "sealed", to: () => ({ sealed: true }), later: true },
      {
        field: "sealed",
        of: "snapshots",
        to: () => ({ sealed: true }),
        later: true,
      },
      {
        field: "persist_mode",
        to: () => ({ persist_mode: "async", allow_atomic: false }),
      },
      {
        field: "subject_transform",
        to: (ns) => ({
          subject_transform: {
            src: `aether.ev.${ns}.*.*.*`,
            dest: `aether.ev.${ns}.0.{{wildcard(2)}}.{{wildcard(3)}}`,
          },
        }),
      },
      {
        field: "sources",
        to: () => ({ sources: [{ name: streamNames(model).events }] }),
      },
      { field: "republish", to: () => ({ republish: undefined }) },
      {
        field: "republish",
        to: (ns) => ({ republish: { src: ">", dest: `copy.${ns}.>` } }),
      },
      {
        field: "republish",
        to: (ns) => ({
          republish: {
            src: subjectsOf(ns).allEvents,
            dest: subjectsOf(ns).busMapping,
            headers_only: true,
          },
        }),
      },
      { field: "num_replicas", to: () => ({}), open: { replicas: 3 } },
      {
        field: "subjects",
        of: "snapshots",
        to: (ns) => ({ subjects: [`aether.sn.${ns}.>`] }),
      },
      {
        field: "max_msgs_per_subject",
        of: "snapshots",
        to: () => ({ max_msgs_per_subject: 5 }),
      },
      {
        field: "allow_direct",
        of: "snapshots",
        to: () => ({ allow_direct: false }),
      },
      { field: "no_ack", of: "snapshots", to: () => ({ no_ack: true }) },
      {
        field: "subject_transform",
        of: "snapshots",
        to: (ns) => ({
          subject_transform: {
            src: `aether.sn.${ns}.*.*`,
            dest: `aether.sn.${ns}.{{wildcard(2)}}.{{wildcard(1)}}`,
          },
        }),
      },
    ];

    for (
      const { field, later = false, of = "events", open = {}, to } of changes
    ) {
      const told = Object.entries({ ...open, ...to("ns") }).map((
        [name, value],
      ) => `${name}: ${JSON.stringify(value)}`).join(", ");
      it(`with ${told} for ${of}: names ${field}`, LIMIT, async () => {
        const namespace = uniqueNamespace("bad");
        const subjects = subjectsOf(namespace);
        const name = streamNames(namespace)[of];
        const config = of === "snapshots"
          ? { ...wantedSnapshots, name, subjects: [subjects.allSnapshots] }
          : {
            ...wanted,
            name,
            subjects: [subjects.allEvents],
            republish: { src: subjects.allEvents, dest: subjects.busMapping },
          };
        const changed = { ...config, ...to(namespace) };
        const made = await api(
          nc,
          `STREAM.CREATE.${name}`,
          later ? config : changed,
        );
        assert.equal(made.error, undefined);
        if (later) {
          const { error } = await api(nc, `STREAM.UPDATE.${name}`, changed);
          assert.equal(error, undefined);
        }
        try {
          const refused = JetStreamEventStore.open(nc, { namespace, ...open });
          await assert.rejects(refused, (error) => {
            assert(error instanceof MisconfiguredError, String(error));
            assert(!error.retryable && !error.ambiguous);
            assert.equal(error.details["stream"], name);
            assert.equal(error.details["field"], field);
            assert(
              error.message.includes(
                `as its ${field} breaks a promise: found `,
              ),
            );
            assert.match(error.message, /change it on the server/);
            return true;
          });
        } finally {
          await api(nc, `STREAM.DELETE.${name}`);
          await api(nc, `STREAM.DELETE.${streamNames(namespace).events}`);
        }
      });
    }

    it("taken by another stream: says so", LIMIT, async () => {
      const namespace = uniqueNamespace("bad");
      const name = `other-${namespace}`;
      const subjects = [`aether.ev.${namespace}.0.>`];
      const { error } = await api(nc, `STREAM.CREATE.${name}`, {
        name,
        subjects,
      });
      assert.equal(error, undefined);
      try {
        await assert.rejects(
          JetStreamEventStore.open(nc, { namespace }),
          (error) => {
            assert(error instanceof MisconfiguredError, String(error));
            assert(error.message.includes(streamNames(namespace).events));
            assert.match(
              error.message,
              /another stream already takes the subjects/,
            );
            return true;
          },
        );
      } finally {
        await api(nc, `STREAM.DELETE.${name}`);
      }
    });

    it("with more than is asked for: opens", LIMIT, async () => {
      const namespace = uniqueNamespace("good");
      const subjects = subjectsOf(namespace);
      const { events: name } = streamNames(namespace);
      const { error } = await api(nc, `STREAM.CREATE.${name}`, {
        ...wanted,
        name,
        subjects: [subjects.allEvents],
        republish: { src: subjects.allEvents, dest: subjects.busMapping },
        description: "ours",
        compression: "s2",
        duplicate_window: 60_000_000_000,
        metadata: { team: "shop" },
      });
      assert.equal(error, undefined);
      const store = await JetStreamEventStore.open(nc, { namespace });
      assert.equal(
        (await store.append("a-1", [{ eventType: "Written" }])).version,
        1,
      );
      await store.close();
      await destroyNamespace(nc, namespace, { confirm: namespace });
    });
  });
});

type Config = Readonly<Record<string, unknown>>;

/** One way in which a stream can break a promise. */
interface Change {
  /** The field that is to be named. */
  readonly field: string;
  /** Which stream; that of the events by default. */
  readonly of?: "events" | "snapshots";
  /** What is changed. */
  readonly to: (namespace: string) => Config;
  /** What the store asks for. */
  readonly open?: Partial<JetStreamStoreOptions>;
  /** Whether the server allows it on a stream that exists only. */
  readonly later?: boolean;
}

async function api(nc: Connection, call: string, body: unknown = ""): Promise<{
  config?: Config;
  error?: { description: string };
}> {
  const text = body === "" ? "" : JSON.stringify(body);
  return (await nc.request(`$JS.API.${call}`, text, { timeout: 5_000 })).json();
}

/** Something that greets like a nats-server of that version, and answers pings. */
async function serverOfVersion(
  version: string,
): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets = new Set<{ destroy(): void }>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    const info = {
      server_id: "OLD",
      server_name: "old",
      version,
      max_payload: 1_048_576,
      headers: true,
    };
    socket.on("error", () => {});
    socket.on("data", (data) => {
      if (data.toString().includes("PING")) socket.write("PONG\r\n");
    });
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
