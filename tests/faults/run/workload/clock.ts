/**
 * A wall clock that is wrong, for the process that imports this before all else:
 * `AETHER_FAULT_CLOCK` holds milliseconds by which it is ahead; where there are
 * several, it jumps from one to the next every two seconds.
 */
import process from "node:process";

const offsets = (process.env["AETHER_FAULT_CLOCK"] ?? "").split(",")
  .filter((text) => text !== "").map(Number);

if (offsets.length > 0) {
  const Real = globalThis.Date;
  const began = performance.now();
  const now = () => {
    const jumps = Math.floor((performance.now() - began) / 2_000);
    return Real.now() + offsets[Math.min(jumps, offsets.length - 1)]!;
  };
  globalThis.Date = new Proxy(Real, {
    construct: (target, args, self) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, self),
    get: (target, name, self) =>
      name === "now" ? now : Reflect.get(target, name, self),
  });
}
