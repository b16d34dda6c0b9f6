/** What `ctx.send(…)` gives: methods that only note what is to be sent. */
import {
  formatActorId,
  frozenJson,
  InvalidArgumentError,
} from "../event/mod.ts";
import type { AnyActor, TypeName } from "./definition.ts";
import type { SendRef } from "./effects.ts";
import { isCallName } from "./_names.ts";

/** A command that is to be sent. */
export interface NotedSend {
  /** For whom, such as `account-bob`. */
  readonly to: string;
  /** Which command. */
  readonly command: string;
  /** Its input, frozen; absent for none. */
  readonly input?: unknown;
}

/**
 * Makes a reference whose methods note commands.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: no such actor id; from the
 * methods: no such command, or an input that JSON cannot hold.
 */
export function createSender<Definition extends AnyActor>(
  target: Definition | TypeName<Definition>,
  key: string,
  onSend: (noted: NotedSend) => void,
): SendRef<Definition> {
  const type = typeof target === "string" ? target : target?.type;
  if (typeof type !== "string") {
    throw new InvalidArgumentError(
      `Cannot send to an actor by something that is neither a definition nor a type's name: got ${typeof target}`,
    );
  }
  const to = formatActorId(type, key);
  const known = typeof target === "string" ? undefined : target.commandHandlers;
  return new Proxy({}, {
    get: (_target, command) => {
      if (typeof command !== "string" || !isCallName(command)) return undefined;
      return (input?: unknown) => {
        const action = `Cannot send "${command}" to "${to}"`;
        if (known !== undefined && !known.has(command)) {
          throw new InvalidArgumentError(
            `${action} as "${type}" has no such command`,
          );
        }
        if (input === undefined) return onSend({ to, command });
        onSend({ to, command, input: frozenJson(input, "input", action) });
      };
    },
  }) as SendRef<Definition>;
}
