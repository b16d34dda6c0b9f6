/** What handlers send to other actors, written down instead of sent. */
import type { Sending } from "../model/mod.ts";

/** Stands where handlers find their `ctx.send`. */
export class Sendings {
  readonly #sent: Sending[] = [];

  /** What was sent, in order. */
  get sent(): readonly Sending[] {
    return this.#sent;
  }

  /** As `ctx.send(Actor, key).command(input)`; options behind the key are not looked at. */
  readonly send = (
    actor: string | { readonly type: string },
    key: string,
  ): Readonly<Record<string, (data?: unknown) => void>> => {
    const to = typeof actor === "string" ? actor : actor.type;
    return new Proxy({}, {
      get: (_, command) => {
        // Not a promise, though it answers to any other name.
        if (typeof command !== "string" || command === "then") return undefined;
        return (data?: unknown) => {
          this.#sent.push({
            to: `${to}.${command}`,
            key,
            ...(data === undefined ? {} : { data }),
          });
        };
      },
    });
  };
}
