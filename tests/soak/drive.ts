/** Calls of all kinds, as fast as they can be answered or at a steady rate. */
import { type Aether, type AetherError, isGap } from "../../mod.ts";
import type { Random } from "../support/mod.ts";
import { Wallet } from "./actors.ts";

/** What calls have come to. */
export interface Calls {
  made: number;
  answered: number;
  rejected: number;
  /** Ended otherwise, by code. */
  readonly failed: Map<string, number>;
}

/** Wallets that are called all the time. */
export const WALLETS = 1_000;
/** Coins that each of them gets at first. */
export const COINS = 1_000;
/** One call in so many goes to a wallet that nobody has called before. */
const VISITORS = 20;
const IN_FLIGHT = 64;
/** More calls than this at a time are not made: the rate is not kept then. */
const MOST_IN_FLIGHT = 2_000;

/** Makes calls of one system. */
export class Driver {
  readonly calls: Calls = {
    made: 0,
    answered: 0,
    rejected: 0,
    failed: new Map(),
  };
  #visitors = 0;
  readonly #underway = new Set<Promise<void>>();

  constructor(readonly aether: Aether, readonly random: Random) {}

  /** Fills the wallets, and closes one: what is paid to it comes back. */
  async begin(): Promise<void> {
    for (let first = 0; first < WALLETS; first += IN_FLIGHT) {
      const keys = Array.from({ length: IN_FLIGHT }, (_, i) => first + i)
        .filter((i) => i < WALLETS);
      await Promise.all(
        keys.map((i) => this.aether.actor(Wallet, `w${i}`).put(COINS)),
      );
    }
    await this.aether.actor(Wallet, `w${WALLETS - 1}`).close();
  }

  /** Calls as fast as answers come, for so many seconds; returns how many were answered. */
  async fast(seconds: number): Promise<number> {
    const { answered, rejected } = this.calls;
    const until = performance.now() + 1_000 * seconds;
    await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
      while (performance.now() < until) await this.#call();
    }));
    return this.calls.answered + this.calls.rejected - answered - rejected;
  }

  /** Calls so many times a second, until the signal; ends when all is answered. */
  async steadily(rate: number, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    let made = 0;
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (signal.aborted) {
          clearInterval(timer);
          return resolve();
        }
        const due = Math.floor((performance.now() - began) / 1_000 * rate);
        for (; made < due; made++) {
          if (this.#underway.size >= MOST_IN_FLIGHT) continue;
          const call = this.#call();
          this.#underway.add(call);
          call.finally(() => this.#underway.delete(call));
        }
      }, 5);
    });
    while (this.#underway.size > 0) await Promise.all(this.#underway);
  }

  /** Subscribers that come, read a little, and go, until the signal. */
  async visit(signal: AbortSignal): Promise<void> {
    const { bus } = this.aether;
    const { namespace } = this.aether.store;
    while (!signal.aborted) {
      const visitors = [
        bus.subscribe(namespace, { actorType: "wallet" }),
        bus.subscribe(namespace, { from: { time: new Date() } }),
        bus.subscribe(namespace, { durable: "passer-by", from: "now" }),
      ];
      await Promise.all(visitors.map(async (events) => {
        let seen = 0;
        for await (const event of events) {
          if (!isGap(event) && ++seen === 10) break;
          if (signal.aborted) break;
        }
      }));
    }
  }

  async #call(): Promise<void> {
    const { calls } = this;
    calls.made++;
    try {
      await this.#send();
      calls.answered++;
    } catch (error) {
      const { code } = error as AetherError;
      if (code === "rejected") calls.rejected++;
      else calls.failed.set(code, (calls.failed.get(code) ?? 0) + 1);
    }
  }

  #send(): Promise<unknown> {
    const { aether, random } = this;
    if (random.int(VISITORS) === 0) {
      return aether.actor(Wallet, `visitor-${this.#visitors++}`).put(0);
    }
    const key = `w${random.int(WALLETS - 1)}`;
    const wallet = aether.actor(Wallet, key);
    switch (random.int(10)) {
      case 0:
        return wallet.coins();
      case 1:
        return wallet.coins(undefined, { consistency: "linear" });
      case 2:
        return wallet.remindLater(5_000);
      case 3:
      case 4: {
        const to = `w${random.int(WALLETS)}`;
        return wallet.pay({ to, coins: 1 + random.int(5) });
      }
      default:
        return wallet.put(0);
    }
  }
}
