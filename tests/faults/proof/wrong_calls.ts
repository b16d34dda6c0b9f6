/** What callers were told, and is not so. */
import {
  withEntry,
  withEvent,
  withMore,
  without,
  withoutCommit,
} from "./_edit.ts";
import {
  acknowledged,
  acknowledgedBefore,
  begunBy,
  commanded,
  eventOf,
  of,
  some,
  stateAt,
} from "./_find.ts";
import { type Mutations, on } from "./mutation.ts";

/** Each, by what is wrong. */
export const CALLS: Mutations = {
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
  "an acknowledgement names another commit": on("I1", (record, below) => {
    const ok = some(acknowledged(record), below);
    return ok && withEntry(record, ok, { ...ok, commitId: "another" });
  }),
  "a read is stale": on("I3", (record, below) => {
    const saw = some(of(record, "saw"), below);
    if (saw === undefined) return;
    const version = acknowledgedBefore(record, saw) - 1;
    if (version < 0) return;
    // As a late owner would answer: a state that there was.
    const { actorId } = begunBy(record, saw)!;
    const state = stateAt(record, actorId, version);
    return withEntry(record, saw, { ...saw, version, state });
  }),
  "a read misses what another one saw": on("I3", (record, below) => {
    const saw = some(of(record, "saw"), below);
    if (saw === undefined || saw.version === 0) return;
    const { actorId } = begunBy(record, saw)!;
    const version = saw.version - 1;
    const state = stateAt(record, actorId, version);
    return withEntry(
      record,
      saw,
      saw,
      { type: "read", call: 1e6, actorId },
      { type: "saw", call: 1e6, version, state },
    );
  }),
  "a read is ahead of the log": on("I3", (record, below) => {
    const saw = some(of(record, "saw"), below);
    if (saw === undefined) return;
    const { call, type } = saw;
    return withEntry(record, saw, { type, call, version: 1_000_000 });
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
  "a caller is told a code that nothing documents": on(
    "I13",
    (record, below) => {
      const failed = some(of(record, "failed"), below);
      return failed && withEntry(record, failed, { ...failed, code: "oops" });
    },
  ),
  "a caller is told a failure without a code": on("I13", (record, below) => {
    const failed = some(of(record, "failed"), below);
    return failed && withEntry(record, failed, {
      ...failed,
      code: undefined as unknown as string,
    });
  }),
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
};
