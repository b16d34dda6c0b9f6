/**
 * Money between accounts: a transfer is one decision, stored with the command it
 * sends, so money that leaves one account arrives at another or comes back,
 * whatever dies meanwhile. In one process, in memory; with a server's address,
 * on NATS.
 *
 *     deno run -A examples/07_transfers.ts [nats://localhost:4222]
 *     bun examples/07_transfers.ts
 */
import process from "node:process";
import {
  Aether,
  defineActor,
  Rejected,
  type RejectedSend,
} from "@flowmade/aether";

// What accounts send each other; a definition cannot name itself.
const Base = defineActor("account", {
  state: () => ({ balance: 0, isClosed: false }),
  events: {
    Deposited: (s, e: { amount: number }) => ({
      ...s,
      balance: s.balance + e.amount,
    }),
    Withdrawn: (s, e: { amount: number }) => ({
      ...s,
      balance: s.balance - e.amount,
    }),
    Closed: (s) => ({ ...s, isClosed: true }),
  },
}).commands({
  deposit(s, c: { amount: number }) {
    if (s.isClosed) throw new Rejected("closed", "the account is closed");
    return { type: "Deposited", data: { amount: c.amount } };
  },
});

const Account = Base.commands({
  close: () => ({ type: "Closed" }),
  transfer(s, c: { to: string; amount: number }, ctx) {
    if (c.amount > s.balance) {
      throw new Rejected("insufficient_funds", `balance is ${s.balance}`);
    }
    // Sent if, and only if, the withdrawal is stored.
    ctx.send(Base, c.to, { onRejected: "refund" }).deposit({
      amount: c.amount,
    });
    return { type: "Withdrawn", data: { amount: c.amount } };
  },
  refund(_s, no: RejectedSend<{ amount: number }>, ctx) {
    ctx.publish({
      type: "TransferFailed",
      data: { to: no.by, why: no.reason },
    });
    return { type: "Deposited", data: { amount: no.input.amount } };
  },
}).queries({ balance: (s) => s.balance });

const [servers] = process.argv.slice(2);
await using aether = await Aether.start({
  namespace: `bank-${process.pid}`,
  actors: [Account],
  ...(servers === undefined ? {} : { servers }),
});
const names = ["ada", "bob", "cyd", "dan"];
const account = (name: string) => aether.actor(Account, name);
for (const name of names) await account(name).deposit({ amount: 100 });
await account("dan").close();

async function total(): Promise<number> {
  let sum = 0;
  for (const name of names) sum += await account(name).balance();
  return sum;
}

/** Waits until all that was promised has come to an end. */
async function quiet(): Promise<void> {
  while (aether.stats().effects.waiting > 0 || await total() !== 400) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// Many at once, in a ring; dan's account takes nothing.
const transfers = names.flatMap((from, i) =>
  Array.from({ length: 25 }, (_, n) => {
    const to = names[(i + 1 + (n % 3)) % names.length]!;
    return account(from).transfer({ to, amount: 1 + (n % 7) });
  })
);
const outcomes = await Promise.allSettled(transfers);
const done = outcomes.filter(({ status }) => status === "fulfilled").length;
console.log(`${done} of ${outcomes.length} transfers were begun`);
await quiet();
console.log(`no money was made or lost: ${await total()}`);
console.log(
  `dan, who is closed, got nothing: ${await account("dan").balance() <= 100}`,
);

try {
  await account("ada").transfer({ to: "bob", amount: 10_000 });
} catch (error) {
  if (!(error instanceof Rejected)) throw error;
  console.log(`10000 refused: ${error.reason}`);
}
const before = await account("ada").balance();
await account("ada").transfer({ to: "dan", amount: 1 });
console.log("1 on its way to dan");
while (await account("ada").balance() !== before) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log("and back again, as dan is closed");
console.log(`parked: ${(await aether.parked().list()).length}`);
