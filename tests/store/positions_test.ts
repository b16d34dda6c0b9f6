import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PositionCache } from "../../store/_positions.ts";

describe("PositionCache", () => {
  const at = (actorId: string, version: number) => ({
    actorId,
    version,
    trail: [version],
  });

  it("keeps the last position of an actor", () => {
    const cache = new PositionCache(10);
    cache.set(at("a-1", 1));
    cache.set(at("a-1", 2));
    assert.equal(cache.get("a-1")?.version, 2);
    cache.set(at("a-1", 1)); // a log that was made again is shorter
    assert.equal(cache.get("a-1")?.version, 1);
    assert.equal(cache.get("a-2"), undefined);
  });

  it("keeps at least its capacity, and at most twice as much", () => {
    const cache = new PositionCache(100);
    for (let i = 1; i <= 1_000; i++) {
      cache.set(at(`a-${i}`, i));
      for (let back = 0; back < Math.min(i, 100); back += 33) {
        assert.equal(cache.get(`a-${i - back}`)?.version, i - back);
      }
    }
    const kept =
      Array.from({ length: 1_000 }, (_, i) => cache.get(`a-${i + 1}`))
        .filter((position) => position !== undefined).length;
    assert.ok(kept >= 100 && kept <= 202, String(kept));
  });
});
