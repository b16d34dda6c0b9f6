/** Sends, timers, policies and money that went wrong. */
import type { RecordedEvent } from "../checker/mod.ts";
import {
  inserted,
  withEffect,
  withEvent,
  withIds,
  withMore,
  without,
  withoutCommit,
} from "./_edit.ts";
import { effectOf, notes, sends, some, sourceOf, timers } from "./_find.ts";
import { type Mutations, on } from "./mutation.ts";

/** Each, by what is wrong. */
export const PROMISES: Mutations = {
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
    const first = effectOf(record, one);
    if (one === undefined || first === undefined) return;
    // Both were sent before either was done.
    const other = done.find(({ from, id, sequence, to }) =>
      from === one.from && to === one.to && id !== one.id &&
      sequence > one.sequence && sequence < first.sequence
    );
    const second = effectOf(record, other);
    if (second === undefined || first.sequence >= second.sequence) return;
    return withIds(record, one.id, other!.id);
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
  "a timer fires at another actor": on("timers", (record, below) => {
    const timer = some(timers(record, true), below);
    return timer && withEffect(record, timer, { to: "reminder-elsewhere" });
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
    if (one === undefined) return;
    const { actorId } = sourceOf(record, one)!;
    const isOfSource = ({ data }: RecordedEvent) =>
      (data as { source: string }).source === actorId;
    // Both had happened before either was answered.
    const other = record.log.find((event) =>
      event.actorId === one.actorId && event.sequence > one.sequence &&
      isOfSource(event) && sourceOf(record, event)!.sequence < one.sequence
    );
    if (other === undefined) return;
    const data = withEvent(record, one, { data: other.data });
    return withEvent(data, other, { data: one.data });
  }),
  "a policy is rejected, and that is not parked": on(
    "policies",
    (record, below) => {
      const note = some(notes(record), below);
      if (note === undefined) return;
      const { actorId, commandId, sequence } = note;
      const outcome = { actorId, commandId: commandId!, sequence, events: 0 };
      const { outcomes, ...rest } = withoutCommit(record, sequence, actorId);
      return {
        ...rest,
        outcomes: [...outcomes!, { ...outcome, rejected: "full" }],
      };
    },
  ),
  "a timer is rejected, and that is not parked": on(
    "timers",
    (record, below) => {
      const fired = effectOf(record, some(timers(record, true), below));
      return fired && {
        ...record,
        outcomes: record.outcomes!.map((outcome) =>
          outcome.commandId === fired.commandId
            ? { ...outcome, rejected: "full" }
            : outcome
        ),
      };
    },
  ),
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
};
