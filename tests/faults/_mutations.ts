/**
 * Records in which one thing is wrong: what each kind of failure of the system would
 * leave behind. Made from a right record, at a place that chance picks.
 */
import type {
  Entry,
  InvariantId,
  RecordedEffect,
  RecordedEvent,
  RecordedSubscription,
  RunRecord,
} from "./checker/mod.ts";

/** A number below a limit. */
type Below = (limit: number) => number;

/** One thing that can be wrong. */
export interface Mutation {
  /** What must be reported. */
  readonly invariant: InvariantId;
  /** The record with it; undefined where a record has no place for it. */
  readonly mutate: (record: RunRecord, below: Below) => RunRecord | undefined;
}

/** Every one of them, by what is wrong. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  "an acknowledged commit is lost, everywhere": on("I1", (record, below) => {
    const event = eventOf(record, some(acknowledged(record), below));
    return event && withoutCommit(record, event.sequence);
  }),
  "a call is acknowledged, and never stored": on("I1", (record, below) => {
    const stored = new Set(record.log.map(({ commandId }) => commandId));
    const absent = record.journal.filter((entry) =>
      entry.type === "unknown" && !stored.has(begunBy(record, entry)?.id)
    );
    const entry = some(absent, below);
    return entry && withEntry(record, entry, {
      ...{ type: "ok", call: entry.call, commitId: "c0" },
      versions: [1_000_000],
    });
  }),
  "an acknowledgement names another version": on("I1", (record, below) => {
    const ok = some(acknowledged(record), below);
    return ok && withEntry(record, ok, {
      ...ok,
      versions: ok.versions.map((version) => version + 1),
    });
  }),
  "an event is taken out of the log": on("I2", (record, below) => {
    const event = some(notLast(record), below);
    return event && { ...record, log: without(record.log, event) };
  }),
  "a version is given twice": on("I2", (record, below) => {
    const event = some(notLast(record), below);
    if (event === undefined) return;
    const twin = { ...event, id: "twin", commandId: undefined };
    return { ...record, log: inserted(record.log, event, event, twin) };
  }),
  "two commits change places": on("I2", (record, below) => {
    const place = below(record.log.length - 1);
    const [one, other] = record.log.slice(place, place + 2);
    if (one!.sequence === other!.sequence) return;
    return { ...record, log: swapped(record.log, place) };
  }),
  "a read is stale": on("I3", (record, below) => {
    const saw = some(of(record, "saw"), below);
    if (saw === undefined) return;
    const known = acknowledgedBefore(record, saw);
    if (known < 1) return;
    return withEntry(record, saw, { ...saw, version: known - 1 });
  }),
  "a read is ahead of the log": on("I3", (record, below) => {
    const saw = some(of(record, "saw"), below);
    return saw && withEntry(record, saw, { ...saw, version: 1_000_000 });
  }),
  "a read brings another state": on("I3", (record, below) => {
    const saw = some(of(record, "saw"), below);
    return saw && withEntry(record, saw, {
      ...saw,
      state: { ...saw.state as object, sum: -1 },
    });
  }),
  "a call overtakes one that began behind its end": on(
    "I3",
    (record, below) => {
      const ok = some(acknowledged(record), below);
      const actorId = ok && begunBy(record, ok)?.actorId;
      const isOvertaken = acknowledged(record).some((later) =>
        begunBy(record, later)?.actorId === actorId &&
        later.versions[0]! > ok!.versions[0]!
      );
      if (ok === undefined || !isOvertaken) return;
      // It seems to begin only when all others have been answered.
      const mine = record.journal.filter(({ call }) => call === ok.call);
      const others = record.journal.filter(({ call }) => call !== ok.call);
      return { ...record, journal: [...others, ...mine] };
    },
  ),
  "a decision was made on an outdated state": on("I3", (record, below) => {
    const event = some(
      record.log.filter(({ type }) => type === "Spent" || type === "Withdrawn"),
      below,
    );
    return event && withEvent(record, event, {
      data: { ...event.data as object, amount: 1e9, by: 1e9 },
    });
  }),
  "a command is applied twice": on("I4", (record, below) => {
    const event = some(commanded(record), below);
    return event && withMore(record, { ...event, id: "again" });
  }),
  "a command's id is forgotten": on("I4", (record, below) => {
    const event = some(commanded(record), below);
    return event && {
      ...record,
      outcomes: record.outcomes!.filter(({ commandId }) =>
        commandId !== event.commandId
      ),
    };
  }),
  "an event that nobody wrote": on("I4", (record, below) => {
    const event = some(
      record.log.filter(({ actorId }) => !actorId.startsWith("audit-")),
      below,
    );
    return event && withMore(record, {
      ...{ ...event, id: "nobody's", commandId: undefined },
    });
  }),
  "an event is stored twice": on("I4", (record, below) => {
    const event = some(record.log, below);
    return event && withMore(record, event);
  }),
  "a late owner's write is accepted": on("I5", (record, below) => {
    const event = some(
      record.log.filter((event) => {
        const before = previous(record, event)?.generation ?? 0;
        return before > 1 && event.generation > 0;
      }),
      below,
    );
    return event && withEvent(record, event, { generation: 1 });
  }),
  "two generations write in turn": on("I5", (record, below) => {
    const event = some(
      record.log.filter((event) => {
        const before = previous(record, event)?.generation ?? 0;
        return before > 0 && event.generation >= before;
      }),
      below,
    );
    const before = event && previous(record, event);
    return before && withEvent(record, before, {
      generation: event.generation + 1,
    });
  }),
  "a snapshot is of another state": on("I6", (record, below) => {
    const snapshot = some(record.snapshots, below);
    return snapshot && {
      ...record,
      snapshots: inserted(record.snapshots, snapshot, {
        ...snapshot,
        state: { ...snapshot.state as object, sum: 0.5 },
      }),
    };
  }),
  "a snapshot is ahead of the log": on("I6", (record, below) => {
    const snapshot = some(record.snapshots, below);
    return snapshot && {
      ...record,
      snapshots: inserted(record.snapshots, snapshot, {
        ...snapshot,
        version: snapshot.version + 1_000_000,
      }),
    };
  }),
  "a projection has folded an event twice": on("I7", (record, below) => {
    const [first, ...others] = record.projections;
    const key = some(Object.keys(first!.documents), below);
    if (key === undefined) return;
    const sum = first!.documents[key] as number + 1;
    const documents = { ...first!.documents, [key]: sum };
    return { ...record, projections: [{ ...first!, documents }, ...others] };
  }),
  "a projection has lost a document": on("I7", (record) => {
    const [first, ...others] = record.projections;
    return {
      ...record,
      projections: [{ ...first!, documents: {} }, ...others],
    };
  }),
  "a projection's documents are ahead of its checkpoint": on("I7", (record) => {
    const [first, ...others] = record.projections;
    return {
      ...record,
      projections: [{ ...first!, checkpoint: 0 }, ...others],
    };
  }),
  "a projection's checkpoint is ahead of the log": on("I7", (record) => {
    const [first, ...others] = record.projections;
    const checkpoint = record.end! + 1;
    return { ...record, projections: [{ ...first!, checkpoint }, ...others] };
  }),
  "a subscriber is given what is not stored": on(
    "I8",
    (record, below) =>
      subscribed(record, below, ({ deliveries, ...rest }) => ({
        ...rest,
        deliveries: [...deliveries, { ...deliveries[0]!, id: "phantom" }],
      })),
  ),
  "a subscriber is given another version": on(
    "I8",
    (record, below) =>
      delivered(record, below, (given) => [{ ...given, version: 1_000_000 }]),
  ),
  "an ordered subscriber misses an event": on(
    "I9",
    (record, below) => delivered(record, below, () => [], "ordered"),
  ),
  "an ordered subscriber is given an event twice": on(
    "I9",
    (record, below) =>
      delivered(record, below, (given) => [given, given], "ordered"),
  ),
  "an ordered subscriber is given events out of order": on(
    "I9",
    (record, below) =>
      subscribed(record, below, ({ deliveries, ...rest }) => ({
        ...rest,
        deliveries: swapped(deliveries, below(deliveries.length - 1)),
      }), "ordered"),
  ),
  "a durable subscriber never gets an event": on(
    "I9",
    (record, below) =>
      subscribed(record, below, ({ deliveries, ...rest }) => {
        const gone = some(deliveries, below);
        return {
          ...rest,
          deliveries: deliveries.filter(({ id }) => id !== gone?.id),
        };
      }, "durable"),
  ),
  "a durable subscriber is given an actor's events out of order": on(
    "I9",
    (record, below) =>
      subscribed(record, below, ({ deliveries, ...rest }) => {
        const late = some(deliveries.slice(0, -20), below)!;
        const others = deliveries.filter(({ id }) => id !== late.id);
        const isOvertaken = others.some(({ actorId, version }) =>
          actorId === late.actorId && version > late.version
        );
        return isOvertaken && { ...rest, deliveries: [...others, late] };
      }, "durable"),
  ),
  "a live subscriber misses an event and is not told": on(
    "I9",
    (record, below) => delivered(record, below, () => [], "live"),
  ),
  "a live subscriber is not told of a gap": on(
    "I9",
    (record, below) =>
      subscribed(record, below, (subscription) => {
        const owed = record.log.filter(({ actorId, sequence }) =>
          actorId.startsWith("tally-") && sequence > subscription.from
        );
        const { deliveries } = subscription;
        return owed.length > deliveries.length && { ...subscription, gaps: [] };
      }, "live"),
  ),
  "a live subscriber is given an event twice": on(
    "I9",
    (record, below) =>
      delivered(record, below, (given) => [given, given], "live"),
  ),
  "a process ends unasked": on("I12", (record) => ({
    ...record,
    accidents: ["node-1 ended with code 1"],
  })),
  "a caller is told a code that nothing documents": on(
    "I13",
    (record, below) => {
      const failed = some(of(record, "failed"), below);
      return failed && withEntry(record, failed, { ...failed, code: "oops" });
    },
  ),
  "what may have happened is told as not done": on("I13", (record, below) => {
    const unknown = some(of(record, "unknown"), below);
    return unknown && withEntry(record, unknown, {
      ...{ type: "failed", call: unknown.call, code: "outcome_unknown" },
    });
  }),
  "what was refused is told as unknown": on("I13", (record, below) => {
    const unknown = some(of(record, "unknown"), below);
    return unknown && withEntry(record, unknown, {
      ...unknown,
      code: "overloaded",
    });
  }),
  "an error says that it may be tried again, and may not": on(
    "I13",
    (record, below) => {
      const failed = some(
        of(record, "failed").filter(({ code }) => code === "rejected"),
        below,
      );
      return failed && withEntry(record, failed, {
        ...failed,
        retryable: true,
      });
    },
  ),
  "a call hangs": on("I13", (record, below) => {
    const ok = some(acknowledged(record), below);
    return ok && { ...record, journal: without(record.journal, ok) };
  }),
  "a call ends twice": on("I13", (record, below) => {
    const ok = some(acknowledged(record), below);
    return ok && { ...record, journal: [...record.journal, ok] };
  }),
  "half of several actors' events": on("I14", (record, below) => {
    const ok = some(
      acknowledged(record).filter(({ versions }) => versions.length > 1),
      below,
    );
    const event = record.log.find(({ commitId }) => commitId === ok?.commitId);
    return event && withoutCommit(record, event.sequence);
  }),
  "half of them, and nobody knows": on("I14", (record, below) => {
    const ok = some(
      acknowledged(record).filter(({ versions }) => versions.length > 1),
      below,
    );
    const event = record.log.find(({ commitId }) => commitId === ok?.commitId);
    if (event === undefined) return;
    const { call } = ok!;
    const unknown = withEntry(record, ok!, { type: "unknown", call });
    return withoutCommit(unknown, event.sequence);
  }),
  "half of a decision": on("I14", (record, below) => {
    const event = some(commanded(record), below);
    return event && {
      ...record,
      outcomes: record.outcomes!.map((outcome) =>
        outcome.commandId === event.commandId
          ? { ...outcome, events: outcome.events + 1 }
          : outcome
      ),
    };
  }),
  "a call that failed was stored": on("I15", (record, below) => {
    const ok = some(acknowledged(record), below);
    return ok && withEntry(record, ok, {
      ...{ type: "failed", call: ok.call, code: "store_unavailable" },
    });
  }),
  "a rejected command takes effect later": on("I15", (record, below) => {
    const outcome = some(
      record.outcomes!.filter(({ rejected }) => rejected !== undefined),
      below,
    );
    if (outcome === undefined) return;
    const { actorId, commandId } = outcome;
    const model = record.log.find((event) => event.actorId === actorId);
    return model && withMore(record, { ...model, id: "late", commandId });
  }),
  "a call that was told rejected takes effect later": on(
    "I15",
    (record, below) => {
      const failed = some(
        of(record, "failed").filter(({ code }) => code === "rejected"),
        below,
      );
      const begun = failed && begunBy(record, failed);
      const model = record.log.find(({ actorId }) =>
        actorId === begun?.actorId
      );
      if (model === undefined) return;
      return withMore(record, { ...model, id: "late", commandId: begun!.id });
    },
  ),
  "a sent command is lost": on("effects", (record, below) => {
    const effect = effectOf(record, some(sends(record, "done"), below));
    return effect && withoutCommit(record, effect.sequence, effect.actorId);
  }),
  "a parked command is lost": on("effects", (record, below) => {
    const parked = some(record.parked, below);
    if (parked === undefined) return;
    return { ...record, parked: without(record.parked, parked) };
  }),
  "a sent command takes effect twice": on("effects", (record, below) => {
    const effect = effectOf(record, some(sends(record, "done"), below));
    return effect && withMore(record, { ...effect, id: "again" });
  }),
  "a sent command takes effect at another actor": on(
    "effects",
    (record, below) => {
      const send = some(sends(record, "done"), below);
      return send && withEffect(record, send, { to: "account-elsewhere" });
    },
  ),
  "a sent command takes effect before it was sent": on(
    "effects",
    (record, below) => {
      const send = some(sends(record, "done"), below);
      const effect = effectOf(record, send);
      return effect && withEffect(record, send!, { sequence: effect.sequence });
    },
  ),
  "sent commands change places": on("effects", (record, below) => {
    const done = sends(record, "done");
    const one = some(done, below);
    const other = done.find(({ from, sequence, to }) =>
      from === one?.from && to === one.to && sequence > one.sequence
    );
    if (one === undefined || other === undefined) return;
    const first = effectOf(record, one)!;
    const second = effectOf(record, other)!;
    if (first.sequence === second.sequence) return;
    return withIds(record, one.id, other.id);
  }),
  "the word of a rejection is lost": on("effects", (record, below) => {
    const send = some(sends(record, "rejected"), below);
    const told = record.log.find(({ commandId }) =>
      commandId !== undefined && commandId === send?.rejectionId
    );
    return told && withoutCommit(record, told.sequence, told.actorId);
  }),
  "a rejection is told that there was not": on("effects", (record, below) => {
    const send = some(
      sends(record, "done").filter(({ rejectionId }) => rejectionId),
      below,
    );
    const model = record.log.find(({ actorId }) => actorId === send?.from);
    return model && withMore(record, {
      ...{ ...model, id: "told", commandId: send!.rejectionId },
    });
  }),
  "a timer fires twice": on("timers", (record, below) => {
    const fired = effectOf(record, some(timers(record, true), below));
    return fired && withMore(record, { ...fired, id: "again" });
  }),
  "a timer fires too early": on("timers", (record, below) => {
    const timer = some(timers(record, true), below);
    const fired = effectOf(record, timer);
    return fired && withEffect(record, timer!, {
      due: fired.storedAt + 1_001,
    });
  }),
  "a timer never fires": on("timers", (record, below) => {
    const timer = some(timers(record, true), below);
    const fired = effectOf(record, timer);
    // Nothing has taken its place since, or it might just be late.
    const isEnded = record.effects.some(({ from, kind, name, sequence }) =>
      kind !== "send" && from === timer?.from && name === timer.name &&
      sequence > timer.sequence
    );
    if (fired === undefined || isEnded) return;
    return withoutCommit(record, fired.sequence, fired.actorId);
  }),
  "a timer fires behind its cancellation": on("timers", (record, below) => {
    const timer = some(timers(record, false), below);
    const fired = record.log.find(({ type }) => type === "Fired");
    return timer && fired && withMore(record, {
      ...fired,
      ...{ id: "late", actorId: timer.from, commandId: timer.id },
      storedAt: timer.due! + 1,
    });
  }),
  "a timer that has fired is cancelled earlier": on(
    "timers",
    (record, below) => {
      const timer = some(timers(record, true), below);
      const fired = effectOf(record, timer);
      if (fired === undefined || fired.sequence === timer!.sequence + 1) return;
      const { from, name, sequence, to } = timer!;
      const cancel = { kind: "cancel", id: "x", from, to, name } as const;
      return {
        ...record,
        effects: inserted(record.effects, timer!, timer!, {
          ...cancel,
          sequence: sequence + 1,
        }),
      };
    },
  ),
  "a policy leaves an event out": on("policies", (record, below) => {
    const note = some(notes(record), below);
    return note && withoutCommit(record, note.sequence, note.actorId);
  }),
  "a policy answers an event twice": on("policies", (record, below) => {
    const note = some(notes(record), below);
    return note && withMore(record, {
      ...{ ...note, id: "again", commandId: "again" },
    });
  }),
  "a policy answers events out of order": on("policies", (record, below) => {
    const one = some(notes(record), below);
    const other = record.log.find((event) =>
      event.actorId === one?.actorId && event.sequence > one.sequence &&
      sourceOf(event) === sourceOf(one)
    );
    if (one === undefined || other === undefined) return;
    const data = withEvent(record, one, { data: other.data });
    return withEvent(data, other, { data: one.data });
  }),
  "a policy answers what did not happen": on("policies", (record, below) => {
    const note = some(notes(record), below);
    return note && withEvent(record, note, {
      data: { source: "tally-nowhere", version: 1 },
    });
  }),
  "more is paid in than was paid": on("money", (record, below) => {
    const effect = effectOf(record, some(sends(record, "done"), below));
    return effect && withEvent(record, effect, {
      data: { amount: (effect.data as { amount: number }).amount + 1 },
    });
  }),
  "money is taken, and its send is not stored": on("money", (record, below) => {
    const send = some(sends(record, "done"), below);
    return send && { ...record, effects: without(record.effects, send) };
  }),
  "a transfer is paid in, and paid back": on("money", (record, below) => {
    const send = some(
      sends(record, "done").filter(({ rejectionId }) => rejectionId),
      below,
    );
    const credit = effectOf(record, send);
    return credit && withMore(record, {
      ...credit,
      ...{ id: "back", actorId: send!.from, commandId: send!.rejectionId },
    });
  }),
  "money comes from nowhere": on("money", (record, below) => {
    const event = some(
      record.log.filter(({ type }) => type === "Deposited"),
      below,
    );
    return event && withMore(record, {
      ...{ ...event, id: "gift", commandId: "gift" },
    });
  }),
  "a server has lost a commit": on("copies", (record, below) => {
    const [first, second, ...others] = record.copies;
    const gone = some(second!, below)!;
    const copies = [first!, without(second!, gone), ...others];
    return { ...record, copies };
  }),
  "servers have different commits at one place": on(
    "copies",
    (record, below) => {
      const [first, second, ...others] = record.copies;
      const place = some(second!, below)!;
      const forked = inserted(second!, place, [place[0], "other"] as const);
      return { ...record, copies: [first!, forked, ...others] };
    },
  ),
  "the log is none that a server tells": on("copies", (record, below) => {
    const event = some(record.log, below)!;
    const copies = record.copies.map((copy) =>
      copy.filter(([sequence]) => sequence !== event.sequence)
    );
    return { ...record, copies };
  }),
};

function on(invariant: InvariantId, mutate: Mutation["mutate"]): Mutation {
  return { invariant, mutate };
}

// ---- what a record has ----

type Of<Type extends Entry["type"]> = Extract<Entry, { readonly type: Type }>;

function some<T>(values: readonly T[], below: Below): T | undefined {
  return values[below(values.length)];
}

function of<Type extends Entry["type"]>(
  { journal }: RunRecord,
  type: Type,
): Of<Type>[] {
  return journal.filter((entry): entry is Of<Type> => entry.type === type);
}

function acknowledged(record: RunRecord): Of<"ok">[] {
  return of(record, "ok");
}

/** What a call wanted: its actor, and the name of its first event. */
function begunBy(
  { journal }: RunRecord,
  { call }: Entry,
): { readonly actorId: string; readonly id?: string } | undefined {
  const begun = journal.find((entry) => entry.call === call);
  if (begun?.type === "read") return { actorId: begun.actorId };
  if (begun?.type !== "append") return undefined;
  const { actorId, eventIds } = begun.parts[0]!;
  return { actorId, id: eventIds[0]! };
}

/** The highest version of a read's actor that was acknowledged before it began. */
function acknowledgedBefore(record: RunRecord, saw: Of<"saw">): number {
  const begun = record.journal.findIndex(({ call }) => call === saw.call);
  const { actorId } = begunBy(record, saw)!;
  const versions = record.journal.slice(0, begun).flatMap((entry) => {
    if (entry.type !== "ok") return [];
    const append = record.journal.find(({ call, type }) =>
      call === entry.call && type === "append"
    ) as Of<"append">;
    const part = append.parts.findIndex((part) => part.actorId === actorId);
    return part < 0 ? [] : [entry.versions[part]!];
  });
  return Math.max(0, ...versions);
}

function eventOf(
  { log }: RunRecord,
  ok: Of<"ok"> | undefined,
): RecordedEvent | undefined {
  return log.find(({ commitId }) => commitId === ok?.commitId);
}

function commanded({ log }: RunRecord): RecordedEvent[] {
  return log.filter(({ commandId }) => commandId !== undefined);
}

function notes({ log }: RunRecord): RecordedEvent[] {
  return log.filter(({ type }) => type === "Noted");
}

function sourceOf({ data }: RecordedEvent): unknown {
  return (data as { source?: string }).source;
}

/** Events that are not the last ones of their actors. */
function notLast({ log }: RunRecord): RecordedEvent[] {
  const last = new Map(log.map((event) => [event.actorId, event]));
  return log.filter((event) => last.get(event.actorId) !== event);
}

function previous(
  { log }: RunRecord,
  { actorId, version }: RecordedEvent,
): RecordedEvent | undefined {
  return log.find((event) =>
    event.actorId === actorId && event.version === version - 1
  );
}

function sends(record: RunRecord, fate: "done" | "rejected"): RecordedEffect[] {
  const outcomes = new Map(
    record.outcomes!.map((outcome) => [outcome.commandId, outcome]),
  );
  return record.effects.filter(({ id, kind }) => {
    const outcome = outcomes.get(id);
    return kind === "send" && outcome !== undefined &&
      (outcome.rejected !== undefined) === (fate === "rejected");
  });
}

/** Timers that have fired, or that were ended before they could. */
function timers(record: RunRecord, fired: boolean): RecordedEffect[] {
  return record.effects.filter((effect) =>
    effect.kind === "schedule" &&
    (effectOf(record, effect) !== undefined) === fired &&
    (fired || record.effects.some(({ from, kind, name, sequence }) =>
      kind !== "send" && from === effect.from && name === effect.name &&
      sequence > effect.sequence
    ))
  );
}

function effectOf(
  { log }: RunRecord,
  effect: RecordedEffect | undefined,
): RecordedEvent | undefined {
  return log.find(({ commandId }) =>
    effect !== undefined && commandId === effect.id
  );
}

// ---- records with one thing changed ----

function without<T>(values: readonly T[], gone: T): T[] {
  return values.filter((value) => value !== gone);
}

function inserted<T>(values: readonly T[], old: T, ...others: T[]): T[] {
  return values.flatMap((value) => value === old ? others : [value]);
}

function swapped<T>(values: readonly T[], place: number): T[] {
  const [one, other] = values.slice(place, place + 2);
  return [...values.slice(0, place), other!, one!, ...values.slice(place + 2)];
}

function withEntry(record: RunRecord, old: Entry, entry: Entry): RunRecord {
  return { ...record, journal: inserted(record.journal, old, entry) };
}

function withEvent(
  record: RunRecord,
  old: RecordedEvent,
  change: Partial<RecordedEvent>,
): RunRecord {
  const log = inserted(record.log, old, { ...old, ...change });
  return { ...record, log };
}

function withEffect(
  record: RunRecord,
  old: RecordedEffect,
  change: Partial<RecordedEffect>,
): RunRecord {
  const effects = inserted(record.effects, old, { ...old, ...change });
  return { ...record, effects };
}

/** With one more commit at the end, as a system that stores it would leave it. */
function withMore(record: RunRecord, event: RecordedEvent): RunRecord {
  const { actorId } = event;
  const last = record.log.findLast((event) => event.actorId === actorId);
  const sequence = record.end! + 1;
  const commitId = "more";
  const more: RecordedEvent = {
    ...event,
    ...{ sequence, commitId },
    version: (last?.version ?? 0) + 1,
    generation: last?.generation ?? 0,
  };
  const { commandId } = event;
  const outcome = { actorId, sequence, events: 1 };
  return {
    ...record,
    log: [...record.log, more],
    outcomes: commandId === undefined
      ? record.outcomes
      : [...record.outcomes!, { ...outcome, commandId }],
    copies: record.copies.map((copy) => [...copy, [sequence, commitId]]),
    end: sequence,
  };
}

/**
 * Without the commit at a sequence, as if it had never been stored: the versions of
 * what follows move up, and nobody has seen it.
 */
function withoutCommit(
  record: RunRecord,
  sequence: number,
  actorId = record.log.find((event) => event.sequence === sequence)!.actorId,
): RunRecord {
  const gone = record.log.filter((event) => event.sequence === sequence);
  const moved = <T extends { actorId: string; version: number }>(event: T) =>
    event.actorId === actorId && event.version > gone[0]!.version
      ? { ...event, version: event.version - gone.length }
      : event;
  const isLeft = (place: { readonly sequence: number }) =>
    place.sequence !== sequence;
  return {
    ...record,
    log: record.log.filter(isLeft).map(moved),
    outcomes: record.outcomes!.filter(isLeft),
    effects: record.effects.filter(isLeft),
    copies: record.copies.map((copy) =>
      copy.filter(([place]) => place !== sequence)
    ),
    subscriptions: record.subscriptions.map((subscription) => ({
      ...subscription,
      deliveries: subscription.deliveries.filter(isLeft).map(moved),
    })),
  };
}

/** With the ids of two commands that took effect in each other's place. */
function withIds(record: RunRecord, one: string, other: string): RunRecord {
  const exchanged = <T extends { commandId?: string | undefined }>(place: T) =>
    place.commandId === one
      ? { ...place, commandId: other }
      : place.commandId === other
      ? { ...place, commandId: one }
      : place;
  return {
    ...record,
    log: record.log.map(exchanged),
    outcomes: record.outcomes!.map(exchanged),
  };
}

function subscribed(
  record: RunRecord,
  below: Below,
  change: (of: RecordedSubscription) => RecordedSubscription | false,
  kind?: RecordedSubscription["kind"],
): RunRecord | undefined {
  const { subscriptions } = record;
  const one = some(
    subscriptions.filter((subscription) =>
      subscription.deliveries.length > 40 &&
      (kind === undefined || subscription.kind === kind)
    ),
    below,
  );
  const changed = one && change(one);
  if (one === undefined || !changed) return undefined;
  return { ...record, subscriptions: inserted(subscriptions, one, changed) };
}

function delivered(
  record: RunRecord,
  below: Below,
  change: (
    given: RecordedSubscription["deliveries"][number],
  ) => RecordedSubscription["deliveries"],
  kind?: RecordedSubscription["kind"],
): RunRecord | undefined {
  return subscribed(record, below, ({ deliveries, ...rest }) => {
    const place = below(deliveries.length);
    return {
      ...rest,
      deliveries: deliveries.flatMap((given, i) =>
        i === place ? change(given) : [given]
      ),
    };
  }, kind);
}
