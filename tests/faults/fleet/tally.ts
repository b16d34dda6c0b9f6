/** The actor that fault runs call: every kind of outcome there is. */
import { defineActor, Rejected } from "../../../mod.ts";

/** What is added, and what may be spent of it. */
export const Tally = defineActor("tally", {
  state: () => ({ sum: 0, version: 0 }),
  events: {
    Added: (s, e: { by: number }) => ({
      sum: s.sum + e.by,
      version: s.version + 1,
    }),
    Spent: (s, e: { by: number }) => ({
      sum: s.sum - e.by,
      version: s.version + 1,
    }),
  },
}).commands({
  add: (_s, by: number) => ({ type: "Added", data: { by } }),
  spend(s, by: number) {
    if (by > s.sum) throw new Rejected("too_much", `the sum is ${s.sum}`);
    return { type: "Spent", data: { by } };
  },
  leave: () => [],
  /** Takes as long as it is told to. */
  async slowly(_s, ms: number) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { type: "Added", data: { by: 1 } };
  },
  /** Lets the whole process stand still. */
  block(_s, ms: number) {
    const until = performance.now() + ms;
    while (performance.now() < until) { /* stand still */ }
    return { type: "Added", data: { by: 1 } };
  },
}).queries({
  version: (s) => s.version,
  sum: (s) => s.sum,
  /** All there is to know of it. */
  whole: (s) => s,
});
