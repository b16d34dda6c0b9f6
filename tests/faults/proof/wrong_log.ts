/** A log that is out of order, and what does not follow from it. */
import { inserted, swapped, withEvent, withMore, without } from "./_edit.ts";
import { commanded, notLast, previous, some } from "./_find.ts";
import { type Mutations, on } from "./mutation.ts";

/** Each, by what is wrong. */
export const LOG: Mutations = {
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
  "two commits share a place": on("I2", (record, below) => {
    const place = 1 + below(record.log.length - 1);
    const [one, other] = record.log.slice(place - 1, place + 1);
    if (one!.sequence === other!.sequence) return;
    return withEvent(record, other!, { sequence: one!.sequence });
  }),
  "a commit is at two places": on("I4", (record, below) => {
    const own = record.log.filter(({ commandId }) => commandId === undefined);
    const event = some(own, below);
    const before = event && previous(record, event);
    if (before === undefined || before.commitId !== event!.commitId) return;
    return withEvent(record, event!, { sequence: event!.sequence + 0.5 });
  }),
  "an append is stored twice": on("I4", (record, below) => {
    const event = some(
      record.log.filter(({ commandId }) => commandId === undefined),
      below,
    );
    return event && withMore(record, event);
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
  "a command is answered twice by one commit": on("I4", (record, below) => {
    const outcome = some(record.outcomes!, below);
    return outcome && {
      ...record,
      outcomes: inserted(record.outcomes!, outcome, outcome, outcome),
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
  "an event is none that its actor knows": on("I6", (record, below) => {
    const event = some(record.log, below);
    return event && withEvent(record, event, { type: "Unheard" });
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
  "a process ends unasked": on("I12", (record) => ({
    ...record,
    accidents: ["node-1 ended with code 1"],
  })),
};
