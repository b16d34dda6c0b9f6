/**
 * A namespace in which everything happens that a backup has to hold: purses pay each
 * other, some of it comes back, timers run, a policy and a projection follow, two
 * durable subscriptions read along, a command is parked, and others wait for actors
 * that nobody hosts.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import {
  type ActorCommit,
  Aether,
  type AetherError,
  type BusEvent,
  connect,
  type Connection,
  defineActor,
  definePolicy,
  defineProjection,
  effectId,
  JetStreamEventStore,
  NatsEventBus,
  Rejected,
  ulid,
} from "@flowmade/aether";
import { streamNames } from "../../event/mod.ts";
import { failures, Purse } from "../actor/_purse.ts";
import { eventually } from "../support/mod.ts";

/** Whose purses. */
export const KEYS: readonly string[] = Array.from(
  { length: 8 },
  (_, i) => `p${i}`,
);
const EACH = 1_000;
/** A text that one purse cannot say for now. */
export const STUCK = "p3/stuck";
/** A text that another cannot say at the first attempt. */
export const LATE = "p4/late";
/** Timers of each purse. */
const TIMERS = 3;

const Ledger = defineActor("ledger", {
  state: () => 0,
  events: { Noted: (s: number, _e: { id: string }) => s + 1 },
}).commands({
  note: (_s, id: string) => ({ type: "Noted", data: { id } }),
});

const Note = definePolicy("what is taken is noted", {
  lease: 1_000,
  on: [Purse, {
    Taken: ({ actorId, id }, ctx) => ctx.send(Ledger, actorId).note(id),
  }],
});

const Coins = defineProjection("coins", {
  lease: 1_000,
  initial: () => 0,
  key: (event) => event.actorId,
  on: [Purse, {
    Put: (coins, { data }) => coins + data.coins,
    Taken: (coins, { data }) => coins - data.coins,
  }],
});

/** A payment that was acknowledged. */
export interface Payment {
  readonly from: string;
  readonly input: { readonly to: string; readonly coins: number };
  readonly commandId: string;
  readonly version: number;
  readonly eventIds: readonly string[];
}

interface Found {
  readonly message?: { readonly data: string };
}

/** Nodes, clients and readers of the namespace on one server. */
export class World implements AsyncDisposable {
  /** Payments that were acknowledged, in the order in which they were. */
  readonly paid: Payment[] = [];
  /** What the durable subscriptions have handled, by their name. */
  readonly handled: Readonly<Record<"audit" | "workers", BusEvent[]>> = {
    audit: [],
    workers: [],
  };
  readonly nc: Connection;
  readonly namespace: string;
  readonly nodes: Aether[] = [];
  readonly store: JetStreamEventStore;
  readonly #servers: string;
  readonly #bus: NatsEventBus;
  readonly #replicas: 1 | 3;
  #payers: readonly Promise<void>[] = [];
  #isOver = false;

  private constructor(
    servers: string,
    nc: Connection,
    store: JetStreamEventStore,
    replicas: 1 | 3,
  ) {
    this.#servers = servers;
    this.#replicas = replicas;
    this.nc = nc;
    this.store = store;
    this.namespace = store.namespace;
    this.#bus = new NatsEventBus(nc);
  }

  /** Opens the namespace; no node runs yet. */
  static async open(
    servers: string,
    namespace: string,
    replicas: 1 | 3 = 1,
  ): Promise<World> {
    const nc = await connect({ servers });
    const store = await JetStreamEventStore.open(nc, { namespace, replicas });
    return new World(servers, nc, store, replicas);
  }

  /** Starts a node. */
  async start(nodeId: string): Promise<Aether> {
    const node = await Aether.start({
      servers: this.#servers,
      namespace: this.namespace,
      nodeId,
      replicas: this.#replicas,
      actors: [Purse, Ledger],
      policies: [Note],
      projections: [Coins],
      parkAfter: 1,
    });
    this.nodes.push(node);
    return node;
  }

  /** A purse, called through any node. */
  purse(key: string) {
    return this.nodes[0]!.actor(Purse, key);
  }

  /** Reads by both durable subscriptions. */
  async follow(): Promise<void> {
    for (const durable of ["audit", "workers"] as const) {
      const mode = durable === "audit" ? "single" : "competing";
      const subscription = this.#bus.subscribe(this.namespace, {
        durable,
        mode,
        lease: 1_000,
      });
      await subscription.ready;
      const handled = this.handled[durable];
      void (async () => {
        for await (const event of subscription) handled.push(event);
      })().catch(() => {}); // the server goes away
    }
  }

  /** Everything that has happened before the load begins. */
  async prepare(): Promise<void> {
    const { inbox } = this.store;
    // Long enough for a copy of the inbox to be under way while things happen.
    for (let i = 0; i < WAITING; i++) {
      await inbox.put({
        commandId: ulid(),
        actorId: "nobody-home",
        command: "wait",
        input: randomBytes(600_000).toString("base64"),
        source: "test",
      });
    }
    await Promise.all(
      KEYS.map((key) => this.purse(key).put({ coins: EACH })),
    );
    // One that takes nothing: what is paid to it comes back.
    await this.purse("p0").close();
    failures.set(STUCK, Infinity);
    // By one that sends nothing else: it would have to wait behind that.
    await this.purse("teller").tellFailing({ to: "p3", texts: ["stuck"] });
    await eventually(async () => (await this.parkedTexts()).includes("stuck"));
    await this.purse("p5").remind({ name: "early", after: 1, text: "early" });
    await eventually(async () =>
      (await this.purse("p5").log()).includes("early")
    );
    await Promise.all(
      KEYS.flatMap((key, i) =>
        Array.from({ length: TIMERS }, (_, n) =>
          this.purse(key).remind({
            name: `t${n}`,
            after: 400 + n * 2_000 + i * 150,
            text: `time ${n}`,
          }))
      ),
    );
  }

  /** Sets a timer that fires before long, and whose command fails at first. */
  async remindLate(): Promise<void> {
    failures.set(LATE, 1);
    const at = Date.now() + 2_000;
    await this.purse("p4").remindAt({ name: "late", at, text: "late" });
    const { inbox } = streamNames(this.namespace);
    const subject = `aether.at.${this.namespace}.*.purse.p4.*`;
    const asked = JSON.stringify({ last_by_subj: subject });
    await eventually(async () => {
      const get = `$JS.API.STREAM.MSG.GET.${inbox}`;
      const found = (await this.nc.request(get, asked)).json<Found>();
      return found.message !== undefined &&
        atob(found.message.data).includes("late");
    });
  }

  /** Purses pay each other from now on, at a pace that what follows can keep up with. */
  load(): void {
    this.#payers = KEYS.map(async (from, i) => {
      for (let n = 0; !this.#isOver; n++) {
        const to = KEYS[(i + 1 + n % 5) % KEYS.length]!;
        await this.#pay(from, { to, coins: 1 + n % 3 });
        await delay(PACE);
      }
    });
  }

  /** Waits until so many more payments are acknowledged. */
  async more(payments: number): Promise<void> {
    const until = this.paid.length + payments;
    await eventually(() => this.paid.length >= until, { timeout: 30_000 });
  }

  /** The texts of what is parked. */
  async parkedTexts(): Promise<unknown[]> {
    const parked = await this.store.inbox.parked();
    return parked.map(({ command }) => command.input);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#payers);
    await Promise.all(this.nodes.map((node) => node.close()));
    await this.#bus.close();
    await this.store.close();
    await this.nc.close();
  }

  async #pay(from: string, input: Payment["input"]): Promise<void> {
    const commandId = ulid();
    for (;;) {
      try {
        const answer = await this.purse(from).pay(input, { commandId });
        const { events, version } = answer;
        const eventIds = events.map(({ id }) => id);
        this.paid.push({ from, input, commandId, version, eventIds });
        return;
      } catch (error) {
        if (error instanceof Rejected) return;
        const { ambiguous, retryable } = error as AetherError;
        if (!ambiguous && !retryable) throw error;
      }
    }
  }

  // ---- what must hold ----

  /** The log as it is. */
  commits(): Promise<ActorCommit[]> {
    return Array.fromAsync(this.store.commits({ from: 1 }));
  }

  /** Throws unless all that the log promises was done, and once. */
  async assertSettled(): Promise<void> {
    const answered = new Map<string, number>();
    const said = new Map<string, number>();
    const noted = new Map<string, number>();
    const commits = await this.commits();
    const count = (map: Map<string, number>, key: string) =>
      map.set(key, (map.get(key) ?? 0) + 1);
    let coins = 0;
    for (const { actorId, commands, events } of commits) {
      for (const { id } of commands) count(answered, `${actorId} ${id}`);
      for (const { data, eventType } of events) {
        const facts = data as { coins: number; text: string; id: string };
        if (eventType === "Put") coins += facts.coins;
        else if (eventType === "Taken") coins -= facts.coins;
        else if (eventType === "Said") count(said, `${actorId} ${facts.text}`);
        else if (eventType === "Noted") count(noted, facts.id);
      }
    }
    for (const [key, times] of answered) {
      assert.equal(times, 1, `${key} took effect ${times} times`);
    }
    for (const { actorId, commitId, effects = [], events } of commits) {
      for (const [i, effect] of effects.entries()) {
        const isStuck = effect.kind === "send" && effect.input === "stuck";
        if (effect.kind !== "send" || isStuck) continue;
        const key = `${effect.to} ${effectId(commitId, i)}`;
        assert.ok(answered.has(key), `${key} of ${actorId} was not done`);
      }
      for (const { eventType, id } of events) {
        if (eventType !== "Taken") continue;
        assert.equal(noted.get(id), 1, `a taking of ${actorId} was not noted`);
      }
    }
    assert.equal(coins, KEYS.length * EACH, "coins were made or lost");
    for (const key of KEYS) {
      for (let n = 0; n < TIMERS; n++) {
        const times = said.get(`purse-${key} time ${n}`);
        assert.equal(times, 1, `timer ${n} of ${key} has fired ${times} times`);
      }
    }
    assert.equal(said.get("purse-p5 early"), 1);
    assert.equal(said.get("purse-p4 late"), 1, "the late timer");
    assert.equal(said.get("purse-p3 stuck"), undefined);
  }

  /** Throws unless what was acknowledged is in the log, where it was said to be. */
  async assertHas(payments: readonly Payment[]): Promise<void> {
    const stored = new Set<string>();
    for (const { actorId, events } of await this.commits()) {
      for (const { commandId, id, version } of events) {
        stored.add(`${actorId}@${version} ${id} ${commandId}`);
      }
    }
    for (const { commandId, eventIds, from, version } of payments) {
      for (const id of eventIds) {
        const event = `purse-${from}@${version} ${id} ${commandId}`;
        assert.ok(stored.has(event), `${event} is not in the log`);
      }
    }
  }

  /** Throws unless payments that are made again get their first answers. */
  async assertAnswersAgain(payments: readonly Payment[]): Promise<void> {
    for (const { commandId, eventIds, from, input, version } of payments) {
      const again = await this.purse(from).pay(input, { commandId });
      assert.equal(again.version, version);
      assert.deepEqual(again.events.map(({ id }) => id), eventIds);
    }
  }

  /** Throws unless the projection shows what the log comes to. */
  async assertProjected(): Promise<void> {
    const sums = new Map<string, number>();
    for (const { actorId, events } of await this.commits()) {
      for (const { data, eventType } of events) {
        if (eventType !== "Put" && eventType !== "Taken") continue;
        const { coins } = data as { coins: number };
        const change = eventType === "Put" ? coins : -coins;
        sums.set(actorId, (sums.get(actorId) ?? 0) + change);
      }
    }
    const view = this.nodes[0]!.projection(Coins);
    for (const [actorId, coins] of sums) {
      assert.equal(await view.get(actorId), coins, actorId);
    }
  }

  /** Throws unless each event was handled before the copy, or is after the restore. */
  async assertHandled(
    durable: "audit" | "workers",
    before: readonly BusEvent[],
  ): Promise<void> {
    const handled = new Set([...before, ...this.handled[durable]].map(placeOf));
    for await (const event of this.store.read()) {
      assert.ok(handled.has(placeOf(event)), `${durable}: ${placeOf(event)}`);
    }
  }

  /** Throws unless the commands for actors that nobody hosts wait still. */
  async assertWaiting(): Promise<void> {
    const { places } = await this.store.inbox.places(1);
    assert.deepEqual(places.map(({ type }) => type), ["nobody"]);
    let waiting = 0;
    for (let from = 1, isMore = true; isMore;) {
      const page = await this.store.inbox.read(places[0]!, from);
      waiting += page.commands.length;
      from = page.last + 1;
      isMore = page.more;
    }
    assert.equal(waiting, WAITING);
  }
}

function placeOf(
  { actorId, id, version }: {
    readonly actorId: string;
    readonly id: string;
    readonly version: number;
  },
): string {
  return `${actorId}@${version} ${id}`;
}

/** Milliseconds between two payments of a purse. */
const PACE = 100;
/** Commands for nobody: of 800 KB each, so that a copy of them takes its time. */
const WAITING = 8;
