import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../../tools/process.ts";
import { isDeno, testServer } from "../support/mod.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));

/** Runs an example as a user does, in the runtime of this test; what it printed. */
async function outputOf(example: string, ...args: string[]): Promise<string> {
  const { code, output } = await run(
    process.execPath,
    [...(isDeno ? ["run", "-A", "--quiet"] : []), EXAMPLES + example, ...args],
    { timeout: 60_000 },
  );
  assert.equal(code, 0, output);
  return output;
}

const STORIES: Record<string, string> = {
  "01_counter.ts": `\
add 1: the counter is at version 1
add 2: the counter is at version 2
add 3: the counter is at version 3
visitors: 6
after clear: 0
a second clear makes 0 events, version stays 4
guests: 0
  1 Counted {"by":1}
  2 Counted {"by":2}
  3 Counted {"by":3}
  4 Cleared
`,
  "02_bank_account.ts": `\
500 refused: insufficient_funds, balance is 100
paid the rent: version 2, and again: version 2
balance 70
snapshot at version 7: {"balance":75}
after a restart: balance 75
of 7 events 0 had to be replayed
`,
  "03_event_store.ts": `\
events live in memory
order-123 placed, version 1
conflict: the order is at version 1
paid and shipped, version 3
order-123: OrderPlaced, OrderPaid, OrderShipped
all orders together: 107
`,
  "04_nodes_and_client.ts": `\
20 carts: some live on east (true), some on west (true)
customer-0 has 3 items
west has left
20 carts, all on east, hold 42 items
`,
  "05_tail.ts": `\
three orders are stored; a second process tails from the second
tail: ready
tail: 2 order-2@1 OrderPlaced {"total":20}
tail: 2 order-2@2 OrderPaid
tail: 3 order-3@1 OrderPlaced {"total":30}
tail: 3 order-3@2 OrderPaid
tail: 4 order-4@1 OrderPlaced {"total":40}
tail: 4 order-4@2 OrderPaid
another one tails from now on, and sees notices too
tail: ready
tail: 5 order-5@1 OrderPlaced {"total":50}
tail: 5 order-5@2 OrderPaid
tail: notice shop-main@1 ShopClosed {"until":"tomorrow"}
done
`,
  "06_job_runner.ts": `\
three nodes: 200 jobs are done, 0 of them twice
each has done its share: true
west has left meanwhile: 600 jobs are done, 0 of them twice
west has done 0 of them since
south has come meanwhile: 1000 jobs are done, 0 of them twice
south has done its share: true
`,
  "07_transfers.ts": `\
100 of 100 transfers were begun
no money was made or lost: 400
dan, who is closed, got nothing: true
10000 refused: insufficient_funds
1 on its way to dan
and back again, as dan is closed
parked: 0
`,
  "08_reservation.ts": `\
ada has A1, bob has Z9
cyd cannot have A1: taken
ada pays
bob's time is over: Z9 is free
bob pays now: too_late
A1 is ada's, Z9 cyd's
A1: Reserved, Paid
Z9: Reserved, Released, Reserved
`,
  "09_subscription.ts": `\
in June: 4 months, 48 to pay
in September: 7 months, 84 to pay
after two years: 24 months, 288 to pay
2026-02-28 2026-03-31 2026-04-30 2026-05-31 … 2028-01-31
`,
};

describe("examples", () => {
  for (const [example, story] of Object.entries(STORIES)) {
    it(`${example} tells its story`, async () => {
      assert.equal(await outputOf(example), story);
    });
  }
  const onServer = [
    "03_event_store.ts",
    "04_nodes_and_client.ts",
    "06_job_runner.ts",
    "07_transfers.ts",
  ];
  for (const example of onServer) {
    it(`${example} runs on a server that is there`, async () => {
      const { url } = await testServer();
      const story = STORIES[example]!.replace("in memory", "on NATS");
      assert.equal(await outputOf(example, url), story);
    });
  }
  it("are all here", () => {
    const numbered = readdirSync(EXAMPLES).filter((name) => /^\d/.test(name));
    assert.deepEqual(numbered.sort(), Object.keys(STORIES));
  });
});
