/**
 * A small world that keeps every promise, and the record it leaves behind: tallies
 * and accounts that are called, accounts that pay each other, reminders with timers,
 * a policy, a projection, subscribers, owners that change. All of it is chance from
 * one seed, and no clock but its own.
 */
import type {
  Entry,
  RecordedEffect,
  RecordedEvent,
  RecordedOutcome,
  RecordedSnapshot,
  RecordedSubscription,
  Rules,
  RunRecord,
} from "./checker/mod.ts";
import { dice } from "../event/_property.ts";

/** A command on its way to an actor. */
interface Command {
  readonly id: string;
  readonly to: string;
  readonly name: string;
  readonly input?: Data | undefined;
  readonly rejectionId?: string | undefined;
  readonly from?: string | undefined;
}

type Data = Readonly<Record<string, string | number | boolean>>;

/** What an actor makes of a command. */
interface Decision {
  readonly events?: readonly (readonly [type: string, data: Data])[];
  readonly effects?: readonly Partial<RecordedEffect>[];
  readonly rejected?: string;
}

/** The state of any actor of this world. */
interface State {
  readonly version: number;
  readonly sum: number;
}

/** What the events of this world mean, told to the checker. */
export const RULES: Rules = {
  actors: Object.fromEntries(
    ["tally", "account", "reminder", "audit"].map((type) => [type, {
      initial: () => ({ version: 0, sum: 0 }),
      apply: (state, { data, type }) => applied(state as State, type, data),
      broken: (state) =>
        (state as State).sum < 0 ? "the sum is below zero" : undefined,
    }]),
  ),
  policies: [{
    name: "each addition is noted",
    on: ({ actorId, type }) => actorId.startsWith("tally-") && type === "Added",
    source({ actorId, data }) {
      if (!actorId.startsWith("audit-")) return undefined;
      const { source, version } = data as { source: string; version: number };
      return { actorId: source, version };
    },
    commandId: noteOf,
  }],
  projections: {
    sums: {
      key: ({ actorId }) => actorId.startsWith("tally-") ? actorId : undefined,
      initial: () => 0,
      apply: (sum, { data, type }) => (sum as number) + amountOf(type, data),
    },
  },
  money: {
    moved: ({ actorId, data, type }) =>
      actorId.startsWith("account-") ? amountOf(type, data) : 0,
    carried: ({ input }) => (input as { amount?: number })?.amount ?? 0,
    paysOut: ({ data }) => (data as { out?: boolean }).out === true,
  },
};

/** A record of so many calls in which all is right. */
export function rightRecord(seed: number, calls: number = 300): RunRecord {
  return new World(seed).run(calls);
}

class World {
  readonly #below: (limit: number) => number;
  readonly #journal: Entry[] = [];
  readonly #log: RecordedEvent[] = [];
  readonly #effects: RecordedEffect[] = [];
  readonly #outcomes: RecordedOutcome[] = [];
  readonly #copy: (readonly [number, string])[] = [];
  readonly #parked: string[] = [];
  readonly #snapshots: RecordedSnapshot[] = [];
  readonly #states = new Map<string, State>();
  readonly #generations = new Map<string, number>();
  /** Commands that wait, in order. */
  #inbox: Command[] = [];
  /** Timers that are live, and alarms that will ring, by the ids of settings. */
  readonly #timers = new Map<string, string>();
  #alarms: (Command & { due: number; name: string; timer: string })[] = [];
  #generation = 0;
  #sequence = 0;
  #ids = 0;
  #now = 1_000_000;

  constructor(seed: number) {
    this.#below = dice(seed);
  }

  run(calls: number): RunRecord {
    // Steps of calls that have begun; any of them may be the next.
    const open: (() => boolean)[] = [];
    for (let made = 0; made < calls || open.length > 0;) {
      if (made < calls && this.#below(6) >= open.length) {
        made++;
        open.push(this.#isLikely(20) ? this.#read(made) : this.#call(made));
      } else {
        const place = this.#below(open.length);
        if (open[place]!()) open.splice(place, 1);
      }
      if (this.#isLikely(60)) this.#carryOut();
      if (this.#isLikely(3)) this.#handOver();
      this.#ring();
    }
    for (let rest = 0; this.#inbox.length > 0 || rest < 20; rest++) {
      this.#carryOut();
      this.#now += 200;
      this.#ring();
    }
    return this.#record();
  }

  // ---- callers ----

  #call(call: number): () => boolean {
    if (this.#isLikely(5)) return this.#appendAll(call);
    const command = this.#drawn();
    const { id, name, to } = command;
    const eventIds = name === "addTwice" ? [id, `${id}#1`] : [id];
    this.#journal.push({
      type: "append",
      call,
      parts: [{ actorId: to, eventIds }],
    });
    const fate = this.#below(100);
    if (fate < 5) {
      const code = this.#pick(["store_unavailable", "overloaded", "closed"]);
      return this.#end({ type: "failed", call, code });
    }
    if (fate < 8) {
      return this.#end({ type: "unknown", call, code: "outcome_unknown" });
    }
    return this.#steps(() => {
      const decision = this.#decide(command);
      const isRepeated = this.#isLikely(30);
      const code = decision.rejected === undefined ? "nothing" : "rejected";
      const stored = decision.events !== undefined || isRepeated
        ? this.#commit(to, [[command, decision]])
        : undefined;
      const { version } = this.#stateOf(to);
      return () => {
        if (fate < 14) {
          this.#journal.push({ type: "unknown", call });
        } else if (decision.events === undefined) {
          this.#journal.push({ type: "failed", call, code });
        } else {
          const commitId = stored!;
          this.#journal.push({
            type: "ok",
            call,
            commitId,
            versions: [version],
          });
        }
      };
    });
  }

  #appendAll(call: number): () => boolean {
    const actors = this.#pick([["tally-0", "tally-1"], ["tally-1", "tally-2"]]);
    const parts = actors.map((actorId) => ({
      actorId,
      eventIds: [`own${++this.#ids}`, `own${++this.#ids}`],
    }));
    this.#journal.push({ type: "append", call, parts });
    return this.#steps(() => {
      const commitId = `c${++this.#ids}`;
      const versions = parts.map(({ actorId, eventIds }) => {
        this.#begin(commitId);
        for (const id of eventIds) {
          this.#store(actorId, commitId, "Added", { by: 1 }, { id });
        }
        return this.#stateOf(actorId).version;
      });
      return () =>
        void this.#journal.push({ type: "ok", call, commitId, versions });
    });
  }

  #read(call: number): () => boolean {
    const actorId = this.#pick(["tally-0", "tally-1", "account-0"]);
    this.#journal.push({ type: "read", call, actorId });
    return this.#steps(() => {
      const state = this.#stateOf(actorId);
      const { version } = state;
      return () =>
        void this.#journal.push({ type: "saw", call, version, state });
    });
  }

  /** Two steps: one in which it happens, one in which it is told. */
  #steps(happen: () => () => void): () => boolean {
    let tell: (() => void) | undefined;
    return () => {
      if (tell === undefined) {
        tell = happen();
        return false;
      }
      tell();
      return true;
    };
  }

  #end(entry: Entry): () => boolean {
    return this.#steps(() => () => void this.#journal.push(entry));
  }

  #drawn(): Command {
    const id = `m${++this.#ids}`;
    const key = this.#below(3);
    const amount = 1 + this.#below(20);
    const kind = this.#below(100);
    const tally = `tally-${key}`;
    const account = `account-${key}`;
    if (kind < 25) return { id, to: tally, name: "add", input: { by: amount } };
    if (kind < 30) return { id, to: tally, name: "addTwice" };
    if (kind < 40) {
      return { id, to: tally, name: "spend", input: { by: amount } };
    }
    if (kind < 44) return { id, to: tally, name: "leave" };
    if (kind < 55) {
      const much = { amount: amount * 10 };
      return { id, to: account, name: "deposit", input: much };
    }
    if (kind < 60) {
      return { id, to: account, name: "withdraw", input: { amount } };
    }
    if (kind < 80) {
      const to = this.#pick(["account-1", "account-2", "account-closed"]);
      const name = this.#pick(["transfer", "transfer", "give"]);
      return { id, to: "account-0", name, input: { amount, to } };
    }
    const to = `reminder-${key}`;
    const name = this.#pick(["a", "b"]);
    if (kind < 85) return { id, to, name: "forget", input: { name } };
    const after = this.#isLikely(10) ? 1e9 : this.#below(3_000);
    return { id, to, name: "remind", input: { name, after } };
  }

  // ---- actors ----

  #decide({ input = {}, name, to }: Command): Decision {
    const { sum } = this.#stateOf(to);
    const amount = input.amount as number;
    switch (name) {
      case "add":
      case "addTwice": {
        const added = ["Added", { by: input.by ?? 1 }] as const;
        return { events: name === "add" ? [added] : [added, added] };
      }
      case "spend":
        if ((input.by as number) > sum) return { rejected: "too_much" };
        return { events: [["Spent", { by: input.by! }]] };
      case "deposit":
        if (to === "account-closed") return { rejected: "closed" };
        return { events: [["Deposited", { amount }]] };
      case "refund":
        return { events: [["Deposited", { amount }]] };
      case "withdraw":
        if (amount > sum) return { rejected: "insufficient" };
        return { events: [["Withdrawn", { amount, out: true }]] };
      case "transfer":
      case "give": {
        if (amount > sum) return { rejected: "insufficient" };
        const send = {
          kind: "send",
          to: input.to as string,
          input: { amount },
          ...(name === "give" ? {} : { rejectionId: "refund" }),
        } as const;
        return { events: [["Withdrawn", { amount }]], effects: [send] };
      }
      case "remind": {
        const due = this.#now + (input.after as number);
        const timer = input.name as string;
        return {
          events: [["Set", {}]],
          effects: [{ kind: "schedule", name: timer, due }],
        };
      }
      case "forget":
        return {
          events: [["Unset", {}]],
          effects: [{ kind: "cancel", name: input.name as string }],
        };
      case "fire":
        return { events: [["Fired", {}]] };
      case "note":
        return { events: [["Noted", input]] };
    }
    return {};
  }

  /** Carries out commands that wait: the first ones of some actor. */
  #carryOut(): void {
    if (this.#inbox.length === 0) return;
    const { to } = this.#pick(this.#inbox);
    const mine = this.#inbox.filter((command) => command.to === to)
      .slice(0, 1 + this.#below(2));
    this.#inbox = this.#inbox.filter((command) => !mine.includes(command));
    const told: Command[] = [];
    const decided: [Command, Decision][] = [];
    for (const command of mine) {
      // A few fail for good; no later one of that lane is held up here.
      if (command.name === "deposit" && this.#isLikely(2)) {
        this.#parked.push(command.id);
        continue;
      }
      const decision = this.#decide(command);
      decided.push([command, decision]);
      const { from, input, rejectionId } = command;
      if (decision.rejected === undefined) continue;
      if (rejectionId === undefined) this.#parked.push(command.id);
      else told.push({ id: rejectionId, to: from!, name: "refund", input });
    }
    if (decided.length > 0) this.#commit(to, decided);
    this.#inbox.push(...told);
  }

  #ring(): void {
    this.#now += this.#below(20);
    const due = this.#alarms.filter(({ due }) => due <= this.#now);
    if (due.length === 0) return;
    this.#alarms = this.#alarms.filter((alarm) => !due.includes(alarm));
    for (const alarm of due) {
      // An alarm of a setting that is over rings for nothing.
      if (this.#timers.get(alarm.timer) !== alarm.id) continue;
      this.#timers.delete(alarm.timer);
      this.#commit(alarm.to, [[alarm, this.#decide(alarm)]]);
    }
  }

  #handOver(): void {
    const actorId = this.#pick(["tally-0", "tally-1", "account-0"]);
    this.#generations.set(actorId, ++this.#generation);
    // A fence: a place in the log, and nothing else.
    this.#begin(`c${++this.#ids}`);
  }

  // ---- the log ----

  #begin(commitId: string): void {
    this.#now += this.#below(5);
    this.#sequence += 1;
    this.#copy.push([this.#sequence, commitId]);
  }

  #commit(
    actorId: string,
    decided: readonly (readonly [Command, Decision])[],
  ): string {
    const commitId = `c${++this.#ids}`;
    this.#begin(commitId);
    let nth = 0;
    for (const [{ id: commandId }, decision] of decided) {
      const { effects = [], events = [], rejected } = decision;
      for (const [type, data] of events) {
        this.#store(actorId, commitId, type, data, { commandId });
      }
      this.#outcomes.push({
        ...{ commandId, actorId, rejected, events: events.length },
        sequence: this.#sequence,
        generation: this.#generations.get(actorId) ?? 0,
        storedAt: this.#now,
      });
      for (const effect of effects) {
        this.#promise(actorId, `${commitId}/${nth++}`, effect);
      }
    }
    return commitId;
  }

  #promise(from: string, id: string, promised: Partial<RecordedEffect>): void {
    const { due, kind, name, rejectionId: asks, to = from } = promised;
    const rejectionId = asks === undefined ? undefined : `${id}!`;
    const effect = { ...promised, id, from, to, rejectionId };
    this.#effects.push({ ...effect, kind: kind!, sequence: this.#sequence });
    const timer = `${from} ${name}`;
    if (kind === "cancel") this.#timers.delete(timer);
    if (kind === "schedule") {
      this.#timers.set(timer, id);
      this.#alarms.push({ id, to, name: "fire", due: due!, timer });
    }
    if (kind === "send") {
      const input = promised.input as Data;
      this.#inbox.push({ id, to, name: "deposit", input, rejectionId, from });
    }
  }

  #store(
    actorId: string,
    commitId: string,
    type: string,
    data: Data,
    { commandId, id = `e${++this.#ids}` }: { commandId?: string; id?: string },
  ): void {
    const state = applied(this.#stateOf(actorId), type, data);
    const { version } = state;
    this.#states.set(actorId, state);
    const generation = this.#generations.get(actorId) ?? 0;
    const event: RecordedEvent = {
      ...{ id, actorId, version, commitId, type, data, commandId, generation },
      sequence: this.#sequence,
      storedAt: this.#now,
    };
    this.#log.push(event);
    if (this.#isLikely(5)) this.#snapshots.push({ actorId, version, state });
    if (!RULES.policies![0]!.on(event)) return;
    const input = { source: actorId, version };
    const to = `audit-${version % 2}`;
    this.#inbox.push({ id: noteOf(event), to, name: "note", input });
  }

  // ---- the record ----

  #record(): RunRecord {
    const copies = [this.#copy, [...this.#copy], [...this.#copy]];
    return {
      journal: this.#journal,
      log: this.#log,
      effects: this.#effects,
      outcomes: this.#outcomes,
      parked: this.#parked,
      subscriptions: [
        this.#subscription("ordered", "tally", 0),
        this.#subscription("ordered", "account", this.#sequence >> 1),
        this.#subscription("durable", "tally", 0),
        this.#subscription("live", "tally", this.#sequence >> 2),
      ],
      projections: [this.#sequence, this.#sequence >> 1].map((checkpoint) =>
        this.#projection(checkpoint)
      ),
      snapshots: this.#snapshots,
      copies,
      accidents: [],
      end: this.#sequence,
      settledAt: this.#now - 100,
    };
  }

  #subscription(
    kind: RecordedSubscription["kind"],
    type: string,
    from: number,
  ): RecordedSubscription {
    const all = this.#log.filter(({ actorId, sequence }) =>
      actorId.startsWith(`${type}-`) && sequence > from
    ).map(({ actorId, id, sequence, version }) => ({
      ...{ actorId, id, sequence, version },
    }));
    const name = `${kind} of ${type} from ${from}`;
    const gaps: [number, number][] = [];
    let deliveries = all;
    if (kind === "durable") {
      // Now and then it starts again a little further back.
      deliveries = all.flatMap((event, place) =>
        this.#isLikely(3)
          ? all.slice(Math.max(0, place - 5), place + 1)
          : [event]
      );
    }
    if (kind === "live") {
      for (let gap = 0; gap < 3; gap++) {
        const first = from + this.#below(this.#sequence - from) + 1;
        gaps.push([first, first + this.#below(20)]);
      }
      deliveries = all.filter(({ sequence }) =>
        !gaps.some(([first, last]) => sequence >= first && sequence <= last)
      );
    }
    return { name, kind, type, from, deliveries, gaps };
  }

  #projection(checkpoint: number) {
    const documents: Record<string, number> = {};
    for (const { actorId, data, sequence, type } of this.#log) {
      if (!actorId.startsWith("tally-") || sequence > checkpoint) continue;
      documents[actorId] = (documents[actorId] ?? 0) + amountOf(type, data);
    }
    return { name: "sums", checkpoint, documents };
  }

  // ---- chance ----

  #stateOf(actorId: string): State {
    return this.#states.get(actorId) ?? { version: 0, sum: 0 };
  }

  #isLikely(percent: number): boolean {
    return this.#below(100) < percent;
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)]!;
  }
}

function applied({ sum, version }: State, type: string, data: unknown): State {
  return { version: version + 1, sum: sum + amountOf(type, data) };
}

function amountOf(type: string, data: unknown): number {
  const { amount = 0, by = 0 } = data as { amount?: number; by?: number };
  return type === "Spent" || type === "Withdrawn" ? -amount - by : amount + by;
}

function noteOf({ id }: RecordedEvent): string {
  return `note of ${id}`;
}
