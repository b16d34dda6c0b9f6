/** The checker's verdict on a run. */
import { checkHistory, type Entry } from "../checker/history.ts";
import type { RunRecord } from "../checker/record.ts";

export function judge(record: RunRecord) {
  const again = new Set(
    record.journal.flatMap((entry) =>
      entry.type === "append" && entry.again !== undefined ? [entry.call] : []
    ),
  );
  const journal = record.journal.filter(({ call }) => !again.has(call));
  const caller = new Set(
    journal.flatMap((entry) =>
      entry.type === "append"
        ? entry.parts.flatMap(({ eventIds }) => eventIds)
        : []
    ),
  );
  const others: Entry[] = [];
  const log = record.log.map((event) => ({
    ...event,
    id: event.commandId ?? event.id,
  }));
  let staleReads = 0;
  const violations = checkHistory(journal, log, () => staleReads++)
    .filter((what) => !what.startsWith("nobody wrote"))
    .map((what) => ({ invariant: "I1", what }));
  void caller;
  void others;
  return {
    staleReads,
    verdict: {
      violations: violations as never[],
      checked: { I1: log.length } as Record<string, number>,
    },
  };
}
