/** Random stories of purses that pay each other on a node that crashes. */
import fc from "fast-check";
import { type AskOptions, ulid } from "../../mod.ts";
import { TestSystem } from "../../testing/mod.ts";
import { failures, Purse } from "../actor/_purse.ts";

const key = fc.constantFrom("ada", "bob", "eve");
const place = fc.constantFrom("before" as const, "behind" as const);
const delay = fc.integer({ min: -5, max: 50 });

const step = fc.oneof(
  fc.record({ do: fc.constant("put" as const), key }),
  fc.record({ do: fc.constant("pay" as const), key, to: key }),
  fc.record({ do: fc.constant("fail" as const), key }),
  fc.record({ do: fc.constant("remind" as const), key, after: delay }),
  fc.record({
    do: fc.constant("advance" as const),
    ms: fc.integer({ min: 0, max: 40 }),
  }),
  fc.record({ do: fc.constant("crash" as const) }),
  fc.record({ do: fc.constant("crash at" as const), key, place }),
  fc.record({ do: fc.constant("restart" as const) }),
);

/** One thing that happens. */
export type Step = typeof step extends fc.Arbitrary<infer Step> ? Step : never;

/** What happens, one thing after another. */
export const stories: fc.Arbitrary<Step[]> = fc.array(step, { maxLength: 20 });

/** A command that was given: what it was, and what its caller was told in the end. */
export interface Told {
  readonly name: "put" | "pay" | "fail" | "remind";
  readonly first: string;
  readonly last: string;
}

/** Lets a story happen, and all that it leads to; callers try until they know. */
export async function tell(steps: readonly Step[]) {
  failures.clear();
  await using system = await TestSystem.start({ actors: [Purse] });
  const asked: {
    readonly name: Told["name"];
    readonly commandId: string;
    readonly ask: (options: AskOptions) => Promise<unknown>;
    readonly first: Promise<string>;
  }[] = [];
  const ask = (
    name: Told["name"],
    ask: (options: AskOptions) => Promise<unknown>,
  ) => {
    const commandId = ulid();
    asked.push({ name, commandId, ask, first: codeOf(ask({ commandId })) });
  };
  let reminders = 0;
  for (const one of steps) {
    switch (one.do) {
      case "put": {
        const purse = system.actor(Purse, one.key);
        ask("put", (options) => purse.put({ coins: 3 }, options));
        break;
      }
      case "pay": {
        const purse = system.actor(Purse, one.key);
        const input = { to: one.to, coins: 2 };
        ask("pay", (options) => purse.pay(input, options));
        break;
      }
      case "fail": {
        const purse = system.actor(Purse, one.key);
        const input = { to: "bob", texts: [`f${asked.length}`] };
        failures.set(`bob/${input.texts[0]}`, 1);
        ask("fail", (options) => purse.tellFailing(input, options));
        break;
      }
      case "remind": {
        const purse = system.actor(Purse, one.key);
        const name = `r${reminders++}`;
        const input = { name, after: one.after, text: name };
        ask("remind", (options) => purse.remind(input, options));
        break;
      }
      case "advance":
        await system.clock.advance(one.ms);
        break;
      case "crash":
        if (system.isUp) system.crash();
        break;
      case "crash at":
        if (system.isUp) {
          system.crashAtCommit({
            actorId: `purse-${one.key}`,
            place: one.place,
          });
        }
        break;
      case "restart":
        await system.restart();
    }
  }
  const told: Told[] = [];
  for (const { name, ask, commandId, first } of asked) {
    let last: string;
    do {
      if (!system.isUp) await system.restart();
      const call = codeOf(ask({ commandId }));
      await system.settle();
      last = await call;
    } while (["outcome_unknown", "store_unavailable"].includes(last));
    told.push({ name, first: await first, last });
  }
  do {
    if (!system.isUp) await system.restart();
    await system.clock.advance(1_000);
  } while (!system.isUp);
  const events = (await system.events()).map((event) => ({
    actorId: event.actorId,
    version: event.version,
    eventType: event.eventType,
    data: event.data as { readonly coins?: number; readonly text?: string },
    at: event.timestamp.getTime(),
  }));
  return { told, events, parked: (await system.parked()).length };
}

function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "done",
    (error) => error.reason ?? error.code ?? String(error),
  );
}
