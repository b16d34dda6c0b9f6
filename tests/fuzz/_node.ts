/** A real node on the shared server, and a client that can send it any bytes. */
import { Buffer } from "node:buffer";
import process from "node:process";
import {
  Aether,
  type AetherOptions,
  connect,
  type Connection,
  defineActor,
  parseActorId,
  Rejected,
  subjectsOf,
} from "../../mod.ts";
import { testServer, uniqueNamespace } from "../support/mod.ts";

/** An account that takes whole amounts from 1 to 1,000, whatever it is asked. */
export const Account = defineActor("account", {
  state: () => ({ balance: 0 }),
  events: {
    Deposited: (s, e: { amount: number }) => ({
      balance: s.balance + e.amount,
    }),
  },
  snapshotEvery: 20,
}).commands({
  deposit(_s, c: { amount: number }) {
    const amount: unknown = c?.amount;
    if (!Number.isInteger(amount) || !(c.amount >= 1 && c.amount <= 1_000)) {
      throw new Rejected("no_amount");
    }
    return { type: "Deposited", data: { amount: c.amount } };
  },
}).queries({ balance: (s) => s.balance });

/** A node, its namespace, and a client beside it. */
export interface World extends AsyncDisposable {
  readonly namespace: string;
  readonly aether: Aether;
  readonly nc: Connection;
  /** What was thrown where nobody listens. */
  readonly unhandled: readonly unknown[];
  /** Whether a well-formed request is answered rightly. */
  assertAlive(): Promise<void>;
}

/** Starts a node of a namespace of its own. */
export async function startWorld(
  options: Partial<AetherOptions> = {},
): Promise<World> {
  const { url: servers } = await testServer();
  const namespace = uniqueNamespace("fuzz");
  const nc = await connect({ servers });
  const aether = await Aether.start({
    ...{ servers, namespace, nodeId: "node-1", actors: [Account] },
    ...options,
  });
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  process.on("unhandledRejection", note);
  const subject = subjectsOf(namespace).ask(
    parseActorId("account-good"),
    "deposit",
  );
  let balance = 0;
  return {
    ...{ namespace, aether, nc, unhandled },
    async assertAlive() {
      const msg = await nc.request(subject, '{"amount":1}', {
        timeout: 10_000,
      });
      balance++;
      const { ok } = msg.json<{ ok?: { version: number } }>();
      if (ok?.version !== balance) {
        throw new Error(`deposit ${balance} was answered ${msg.string()}`);
      }
      const found = await aether.actor(Account, "good").balance();
      if (found !== balance) throw new Error(`${found} instead of ${balance}`);
    },
    async [Symbol.asyncDispose]() {
      await aether.close();
      await nc.close();
      process.off("unhandledRejection", note);
    },
  };
}

/** Headers that are sent as they are; the server takes any bytes, but no single one. */
export function rawHeaders(block: Uint8Array | string) {
  const bytes = typeof block === "string" ? Buffer.from(block) : block;
  return { encode: () => bytes } as unknown as ReturnType<
    typeof import("@nats-io/nats-core").headers
  >;
}
