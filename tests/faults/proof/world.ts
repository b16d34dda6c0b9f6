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
  RunRecord,
} from "../checker/mod.ts";
import {
  type Command,
  type Data,
  decide,
  type Decision,
  drawn,
} from "./actors.ts";
import { Chance } from "./chance.ts";
import { applied, noteOf, RULES, type State } from "./meaning.ts";
import { projection, subscription } from "./seen.ts";

/** A record of so many calls in which all is right. */
export function rightRecord(seed: number, calls: number = 300): RunRecord {
  return new World(seed).run(calls);
}

class World {
  readonly #chance: Chance;
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
    this.#chance = new Chance(seed);
  }

  run(calls: number): RunRecord {
    // Steps of calls that have begun; any of them may be the next.
    const open: (() => boolean)[] = [];
    for (let made = 0; made < calls || open.length > 0;) {
      if (made < calls && this.#chance.below(6) >= open.length) {
        made++;
        open.push(
          this.#chance.isLikely(20) ? this.#read(made) : this.#call(made),
        );
      } else {
        const place = this.#chance.below(open.length);
        if (open[place]!()) open.splice(place, 1);
      }
      // Now and then all that was sent waits for a while.
      const isHeld = (made >> 5) % 2 === 1;
      if (!isHeld && this.#chance.isLikely(80)) this.#carryOut();
      if (this.#chance.isLikely(3)) this.#handOver();
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
    if (this.#chance.isLikely(5)) return this.#appendAll(call);
    const command = drawn(this.#chance, `m${++this.#ids}`);
    const { id, name, to } = command;
    const eventIds = name === "addTwice" ? [id, `${id}#1`] : [id];
    this.#journal.push({
      type: "append",
      call,
      parts: [{ actorId: to, eventIds }],
    });
    const fate = this.#chance.below(100);
    if (fate < 5) {
      const code = this.#chance.pick([
        "store_unavailable",
        "overloaded",
        "closed",
      ]);
      return this.#end({ type: "failed", call, code });
    }
    if (fate < 8) {
      return this.#end({ type: "unknown", call, code: "outcome_unknown" });
    }
    return this.#steps(() => {
      const decision = this.#decided(command);
      const isRepeated = this.#chance.isLikely(30);
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
    const actors = this.#chance.pick([["tally-0", "tally-1"], [
      "tally-1",
      "tally-2",
    ]]);
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
    const actorId = this.#chance.pick(["tally-0", "tally-1", "account-0"]);
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

  // ---- actors ----

  #decided(command: Command): Decision {
    return decide(command, this.#stateOf(command.to), this.#now);
  }

  /** Carries out commands that wait: the first ones of some actor. */
  #carryOut(): void {
    if (this.#inbox.length === 0) return;
    const { to } = this.#chance.pick(this.#inbox);
    const mine = this.#inbox.filter((command) => command.to === to)
      .slice(0, 1 + this.#chance.below(2));
    this.#inbox = this.#inbox.filter((command) => !mine.includes(command));
    const told: Command[] = [];
    const decided: [Command, Decision][] = [];
    for (const command of mine) {
      // A few fail for good; no later one of that lane is held up here.
      if (command.name === "deposit" && this.#chance.isLikely(2)) {
        this.#parked.push(command.id);
        continue;
      }
      const decision = this.#decided(command);
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
    this.#now += this.#chance.below(20);
    const due = this.#alarms.filter(({ due }) => due <= this.#now);
    if (due.length === 0) return;
    this.#alarms = this.#alarms.filter((alarm) => !due.includes(alarm));
    for (const alarm of due) {
      // An alarm of a setting that is over rings for nothing.
      if (this.#timers.get(alarm.timer) !== alarm.id) continue;
      this.#timers.delete(alarm.timer);
      this.#commit(alarm.to, [[alarm, this.#decided(alarm)]]);
    }
  }

  #handOver(): void {
    const actorId = this.#chance.pick(["tally-0", "tally-1", "account-0"]);
    this.#generations.set(actorId, ++this.#generation);
    // A fence: a place in the log, and nothing else.
    this.#begin(`c${++this.#ids}`);
  }

  // ---- the log ----

  #begin(commitId: string): void {
    this.#now += this.#chance.below(5);
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
      const alarm = { id, to, name: "fire", input: { name: name! } };
      this.#alarms.push({ ...alarm, due: due!, timer });
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
    if (this.#chance.isLikely(5)) {
      this.#snapshots.push({ actorId, version, state });
    }
    if (!RULES.policies![0]!.on(event)) return;
    const input = { source: actorId, version };
    const to = `audit-${version % 2}`;
    this.#inbox.push({ id: noteOf(event), to, name: "note", input });
  }

  // ---- the record ----

  #record(): RunRecord {
    const seen = {
      chance: this.#chance,
      log: this.#log,
      end: this.#sequence,
    };
    const copies = [this.#copy, [...this.#copy], [...this.#copy]];
    return {
      journal: this.#journal,
      log: this.#log,
      effects: this.#effects,
      outcomes: this.#outcomes,
      parked: this.#parked,
      subscriptions: [
        subscription(seen, "ordered", "tally", 0),
        subscription(seen, "ordered", "account", this.#sequence >> 1),
        subscription(seen, "durable", "tally", 0),
        subscription(seen, "live", "tally", this.#sequence >> 2),
      ],
      projections: [this.#sequence, this.#sequence >> 1].map((checkpoint) =>
        projection(seen, checkpoint)
      ),
      snapshots: this.#snapshots,
      copies,
      accidents: [],
      end: this.#sequence,
      settledAt: this.#now - 100,
    };
  }

  #stateOf(actorId: string): State {
    return this.#states.get(actorId) ?? { version: 0, sum: 0 };
  }
}
