import process from "node:process";
import { describe, it } from "node:test";
import { busContract, InMemoryBuses } from "../../testing/mod.ts";

const buses = new InMemoryBuses();

busContract({
  name: "EventBus",
  describe,
  it: (name, run) => it(name, { timeout: 60_000 }, run),
  openStore: (namespace) => buses.openStore(namespace),
  openBus: () => buses.openBus(),
  writeRaw: buses.writeRaw,
  ...(process.env.SEED ? { seed: Number(process.env.SEED) } : {}),
});
