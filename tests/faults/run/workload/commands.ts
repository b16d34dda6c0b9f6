/** The commands and reads that make up the load. */
import { ulid } from "../../../../event/mod.ts";
import type { Aether, AskOptions } from "../../../../mod.ts";
import type { Random } from "../../../support/mod.ts";
import { Tally } from "../../fleet/tally.ts";
import { Account, Reminder } from "./actors.ts";
import type { CommandCall, ReadCall } from "./journal.ts";
import { drawn, zipf } from "./zipf.ts";

/** How many there are of each. */
const TALLIES = 200;
const ACCOUNTS = 30;
const CLOSED = 4;
const REMINDERS = 40;
/** What is on each account at first. */
const FUNDS = 1_000;

/** Keys of tallies, busiest first. */
export const TALLY_KEYS: readonly string[] = keys("k", TALLIES);
/** Keys of accounts that take money. */
export const OPEN_KEYS: readonly string[] = keys("a", ACCOUNTS);
/** Keys of accounts that take none any more. */
export const CLOSED_KEYS: readonly string[] = keys("c", CLOSED);

/** Makes up calls, by chance. */
export class Commands {
  readonly #client: Aether;
  readonly #random: Random;
  readonly #timeout: number;
  readonly #shares = zipf(TALLIES);

  /** Calls may take as many milliseconds. */
  constructor(client: Aether, random: Random, timeout: number) {
    this.#client = client;
    this.#random = random;
    this.#timeout = timeout;
  }

  /** What has to be there first: funds, and accounts that are closed. */
  first(): CommandCall[] {
    const deposits = OPEN_KEYS.map((key) =>
      this.#command(
        "deposit",
        `account-${key}`,
        (options) =>
          this.#client.actor(Account, key).deposit({ amount: FUNDS }, options),
      )
    );
    const closes = CLOSED_KEYS.map((key) =>
      this.#command(
        "close",
        `account-${key}`,
        (options) => this.#client.actor(Account, key).close(undefined, options),
      )
    );
    return [...deposits, ...closes, ...TALLY_KEYS.map((key) => this.add(key))];
  }

  /** One of a tally: most are done, some are rejected, some do nothing. */
  tally(): CommandCall {
    const key = this.#key();
    const chance = this.#random.next();
    if (chance < 0.6) return this.add(key);
    if (chance < 0.75) return this.#spend("spend", key, 1);
    if (chance < 0.9) return this.#spend("spend too much", key, 1e9);
    return this.#command(
      "leave",
      `tally-${key}`,
      (options) => this.#client.actor(Tally, key).leave(undefined, options),
    );
  }

  /** Adds one. */
  add(key: string, timeout?: number): CommandCall {
    return this.#command(
      "add",
      `tally-${key}`,
      (options) => this.#client.actor(Tally, key).add(1, options),
      timeout,
    );
  }

  /** Adds one, in a handler that takes its time. */
  slowly(key: string, ms: number, timeout?: number): CommandCall {
    return this.#command(
      "slowly",
      `tally-${key}`,
      (options) => this.#client.actor(Tally, key).slowly(ms, options),
      timeout,
    );
  }

  /** Adds one, in a handler that lets its process stand still. */
  block(key: string, ms: number, timeout?: number): CommandCall {
    return this.#command(
      "block",
      `tally-${key}`,
      (options) => this.#client.actor(Tally, key).block(ms, options),
      timeout,
    );
  }

  /** Pays from one account to another; now and then to one that takes nothing. */
  transfer(): CommandCall {
    const random = this.#random;
    const from = random.pick(OPEN_KEYS);
    const chance = random.next();
    const to = random.pick(chance < 0.15 ? CLOSED_KEYS : OPEN_KEYS);
    const amount = 1 + random.int(5);
    const account = this.#client.actor(Account, from);
    return chance < 0.02
      ? this.#command(
        "donate",
        `account-${from}`,
        (options) => account.donate({ amount, to }, options),
      )
      : this.#command(
        "transfer",
        `account-${from}`,
        (options) => account.transfer({ amount, to }, options),
      );
  }

  /** Sets a timer for a few seconds ahead, or takes one back. */
  timer(): CommandCall {
    const random = this.#random;
    const key = `r${random.int(REMINDERS)}`;
    const timer = `t${random.int(3)}`;
    const after = 1_000 + random.int(4_000);
    const reminder = this.#client.actor(Reminder, key);
    return random.next() < 0.2
      ? this.#command(
        "cancel",
        `reminder-${key}`,
        (options) => reminder.cancel({ timer }, options),
      )
      : this.#command(
        "set",
        `reminder-${key}`,
        (options) => reminder.set({ after, timer }, options),
      );
  }

  /** Reads a tally or an account, from its owner or from the log's end. */
  read(): ReadCall {
    const random = this.#random;
    const linear = random.next() < 0.5;
    return random.next() < 0.8
      ? this.readTally(this.#key(), linear)
      : this.readAccount(random.pick(OPEN_KEYS), linear);
  }

  /** Reads a tally. */
  readTally(key: string, linear: boolean): ReadCall {
    return this.#read(
      `tally-${key}`,
      linear,
      (options) => this.#client.actor(Tally, key).whole(undefined, options),
    );
  }

  /** Reads an account. */
  readAccount(key: string, linear: boolean): ReadCall {
    return this.#read(
      `account-${key}`,
      linear,
      (options) => this.#client.actor(Account, key).whole(undefined, options),
    );
  }

  #spend(kind: string, key: string, by: number): CommandCall {
    return this.#command(
      kind,
      `tally-${key}`,
      (options) => this.#client.actor(Tally, key).spend(by, options),
    );
  }

  #key(): string {
    return TALLY_KEYS[drawn(this.#shares, this.#random.next())]!;
  }

  #command(
    kind: string,
    actorId: string,
    ask: (options: AskOptions) => ReturnType<CommandCall["make"]>,
    timeout = this.#timeout,
  ): CommandCall {
    const commandId = ulid();
    const options = { commandId, timeout };
    return { kind, actorId, commandId, timeout, make: () => ask(options) };
  }

  #read(
    actorId: string,
    linear: boolean,
    ask: (options: AskOptions) => ReturnType<ReadCall["make"]>,
  ): ReadCall {
    const timeout = this.#timeout;
    const options = {
      timeout,
      consistency: linear ? "linear" : "owner",
    } as const;
    return {
      kind: linear ? "linear read" : "read",
      actorId,
      linear,
      timeout,
      make: () => ask(options),
    };
  }
}

function keys(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}
