/** Calls to other nodes, on a clock that the test moves. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  type AetherError,
  parseActorId,
  subjectsOf,
} from "@flowmade/aether/event";
import { makeCall } from "../../actor/_call.ts";
import { Deadlines } from "../../actor/_deadlines.ts";
import { Outbound } from "../../actor/_outbound.ts";
import type { Placement } from "../../actor/_placement.ts";
import { Fault, type Link } from "../../nats/mod.ts";
import { HeldClock } from "./_held_clock.ts";

describe("a call to a node that is not to be found", () => {
  it("ends in its time, however long it takes to look for another owner", async () => {
    const clock = new HeldClock();
    const looking = Promise.withResolvers<void>();
    const owner = { node: "b", run: "run", generation: 1, seized: false };
    const outbound = new Outbound({
      clock,
      deadlines: new Deadlines(clock),
      nodeId: "a",
      subjects: subjectsOf("shop"),
      local: () => Promise.reject(new Error("it is not here")),
      placement: {
        ownerOf: () => owner,
        missed() {
          looking.resolve();
          return new Promise(() => {}); // the bucket does not answer
        },
        changed: () => Promise.resolve(),
      } as unknown as Placement,
      link: {
        connected: true,
        maxPayload: 1_048_576,
        requestMany(
          ...[subject, , , , fail]: Parameters<Link["requestMany"]>
        ) {
          fail(new Fault("no_responders", subject, true));
          return () => {};
        },
      } as unknown as Link,
    });
    const address = parseActorId("order-1");
    const call = makeCall(clock, address, "place", 1, { timeout: 2_000 });
    const answer = outbound.ask(call).catch((error: AetherError) => error);
    await looking.promise;
    clock.advance(2_000);
    assert.equal((await answer as AetherError).code, "deadline_exceeded");
    assert.equal(clock.waiting, 0);
  });
});
