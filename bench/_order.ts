/** The actor that commands are measured with. */
import { defineActor } from "../mod.ts";
import type { orderData } from "./_commits.ts";

/** Data of its only event. */
export type OrderData = ReturnType<typeof orderData>;

/** Counts what is placed; each command makes one event of about 200 bytes. */
export const Order = defineActor("order", {
  state: () => ({ placed: 0 }),
  events: {
    OrderPlaced: (s, _data: OrderData) => ({ placed: s.placed + 1 }),
  },
}).commands({
  place: (_s, data: OrderData) => ({ type: "OrderPlaced", data }),
});
