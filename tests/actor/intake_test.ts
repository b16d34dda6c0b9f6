/** How durable commands are found, whatever happens while the inbox is read. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { MovedError, systemClock } from "@flowmade/aether/event";
import { Intake } from "../../actor/_intake.ts";
import { Outbox } from "../../actor/_outbox.ts";
import type {
  Inbox,
  InboxCommand,
  InboxPage,
  InboxPlace,
} from "../../store/mod.ts";
import { eventually } from "../support/mod.ts";
import { settled } from "./_hosted.ts";

const PLACE: InboxPlace = { type: "purse", shard: 7 };

/** Something to wait for, until it is let go. */
class Gate {
  #opened = Promise.resolve();
  #open = () => {};

  close(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#opened = promise;
    this.#open = resolve;
  }

  open(): void {
    this.#open();
  }

  get opened(): Promise<void> {
    return this.#opened;
  }
}

/** An intake of one place, over an inbox whose answers a test holds back. */
function started() {
  let waiting: InboxCommand[] = [];
  const [reads, removals] = [new Gate(), new Gate()];
  let arrived: (place: InboxPlace, sequence: number) => void = () => {};
  /** Called when a page is about to be made. */
  let onRead = () => {};
  const inbox: Partial<Inbox> = {
    tellsAll: true,
    async read(_place, from, { actorId } = {}): Promise<InboxPage> {
      await reads.opened;
      onRead();
      const commands = waiting.filter((command) =>
        command.sequence >= from &&
        (actorId === undefined || command.actorId === actorId)
      );
      const last = commands.at(-1)?.sequence ?? 0;
      return { commands, broken: [], last, more: false };
    },
    async remove(sequence) {
      await removals.opened;
      waiting = waiting.filter((command) => command.sequence !== sequence);
    },
    places: () => Promise.resolve({ places: [PLACE], next: undefined }),
    parked: () => Promise.resolve([]),
    onArrival(listener) {
      arrived = listener;
      return () => {};
    },
  };
  const calls: { id: string; end(error?: unknown): void }[] = [];
  const options = {
    inbox: inbox as Inbox,
    clock: systemClock,
    log: () => {},
  };
  const outbox = new Outbox(options);
  const intake = new Intake({
    ...options,
    outbox,
    owns: () => true,
    submit: ({ commandId: id }, resolve, reject) => {
      calls.push({
        id,
        end: (error) => error === undefined ? resolve(id) : reject(error),
      });
    },
  });
  const put = (sequence: number, key: string) => {
    waiting.push({
      sequence,
      actorId: `purse-${key}`,
      commandId: `c${sequence}`,
      command: "put",
      source: "purse-ada",
    });
  };
  return {
    ...{ calls, intake, put, reads, removals },
    arrive: (sequence: number) => arrived(PLACE, sequence),
    readsNext: (run: () => void) => {
      onRead = () => {
        onRead = () => {};
        run();
      };
    },
    isEmpty: () => waiting.length === 0,
    async [Symbol.asyncDispose]() {
      outbox.close();
      for (const { end } of calls) end(new MovedError("over"));
      await intake.close();
    },
  };
}

describe("durable commands of a shard", () => {
  it("are taken up again though they were left while others were read", async () => {
    await using at = started();
    at.put(1, "bob");
    at.intake.start();
    await eventually(() => at.calls.length === 1);
    at.reads.close();
    at.put(2, "eve");
    at.arrive(2);
    // It is left to whoever comes next, while the inbox is read behind it.
    at.calls[0]!.end(new MovedError("away for a moment"));
    await settled();
    at.reads.open();
    await eventually(() => at.calls.length === 3);
    assert.deepEqual(at.calls.map(({ id }) => id).sort(), ["c1", "c1", "c2"]);
    for (const { end } of at.calls) end();
    await eventually(at.isEmpty);
  });

  it("are all carried out, whenever they come as one before them ends", async () => {
    // One of these numbers of turns ends a lane in the very moment it is added to.
    for (let turns = 0; turns < 24; turns++) {
      await using at = started();
      at.put(1, "bob");
      at.intake.start();
      await eventually(() => at.calls.length === 1);
      at.reads.close();
      at.removals.close();
      at.put(2, "bob");
      at.arrive(2);
      at.calls[0]!.end();
      await settled();
      at.removals.open();
      for (let turn = 0; turn < turns; turn++) await undefined;
      // The page behind that one is not empty either.
      at.readsNext(() => {
        at.arrive(3);
        at.readsNext(() => at.put(3, "eve"));
      });
      at.reads.open();
      await eventually(() => at.calls.length === 3).catch(() =>
        assert.fail(`${turns} turns: ${at.calls.map(({ id }) => id)}`)
      );
      for (const { end } of at.calls) end();
      await eventually(at.isEmpty);
    }
  });
});
