/**
 * Runs policies: each on a durable subscription of its own, one process at a time.
 *
 * An event is acknowledged when all that its handler has sent is taken for good. If
 * the process dies before that, the next one delivers the event again, the handler
 * sends the same commands under the same ids, and those that were done already are
 * answered and change nothing. That is where "exactly once in effect" comes from;
 * no lease has to be believed, as a late process sends under the same ids, too.
 */
import {
  type Clock,
  InvalidArgumentError,
  parseActorId,
  type StoredEvent,
} from "../event/mod.ts";
import type { BusEvent, EventBroadcaster, Subscription } from "../bus/mod.ts";
import { handlerOf, onlyType } from "../projection/mod.ts";
import type { Log } from "./log.ts";
import { createSender, type Outbox, type Outgoing } from "./_sends.ts";
import type { PolicyContext, PolicyDefinition } from "./policy.ts";

/** What policies work with. */
export interface PolicyPorts {
  /** Whose events. */
  readonly namespace: string;
  /** Where events come from. */
  readonly bus: EventBroadcaster;
  /** Where commands go. */
  readonly outbox: Outbox;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Who is told. */
  readonly log: Log;
}

/** The policies of one process. */
export class Policies {
  readonly #running: readonly Running[];

  /** Subscribes for each of them. */
  constructor(policies: readonly PolicyDefinition[], ports: PolicyPorts) {
    const durables = new Set<string>();
    for (const { durable, name } of policies) {
      if (durables.has(durable)) {
        throw new InvalidArgumentError(
          `Cannot run two policies of one name: got ${
            JSON.stringify(name)
          } twice`,
        );
      }
      durables.add(durable);
    }
    this.#running = policies.map((policy) => new Running(policy, ports));
  }

  /** Resolves when each is in line; rejects where one never will be. */
  async ready(): Promise<void> {
    await Promise.all(this.#running.map((running) => running.ready));
  }

  /** Leaves the policies to others. What is being sent is sent again by them. */
  async close(): Promise<void> {
    await Promise.all(this.#running.map((running) => running.close()));
  }
}

class Running {
  readonly #policy: PolicyDefinition;
  readonly #ports: PolicyPorts;
  readonly #subscription: Subscription;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;

  constructor(policy: PolicyDefinition, ports: PolicyPorts) {
    const { bus, namespace } = ports;
    const { durable, from, lease, on, retry } = policy;
    const type = onlyType(on);
    this.#policy = policy;
    this.#ports = ports;
    this.#subscription = bus.subscribe(namespace, {
      ...{ durable, from, lease, retry },
      ...(type === undefined ? {} : { actorType: type }),
      where: (event) => handlerOf(on, event) !== undefined,
      onError: ({ code, message }) =>
        this.#tell("warn", "a policy is in trouble", { code, reason: message }),
    });
    this.#running = this.#subscription.each((event, { attempt }) =>
      this.#react(event as BusEvent & StoredEvent, attempt)
    ).catch((error) =>
      this.#tell("error", "a policy has ended", {
        code: error?.code,
        reason: error?.message,
      })
    );
  }

  get ready(): Promise<void> {
    return this.#subscription.ready;
  }

  async close(): Promise<void> {
    // First it is no failure any more, then what it is at is given up.
    const closing = this.#subscription.close();
    this.#end.abort();
    await closing;
    await this.#running;
  }

  async #react(
    event: BusEvent & StoredEvent,
    attempt: number,
  ): Promise<void> {
    try {
      const { signal } = this.#end;
      for (const command of await this.#decide(event, attempt)) {
        await this.#ports.outbox.send(command, signal);
      }
    } catch (error) {
      if (!this.#end.signal.aborted) {
        const { actorId, eventType, sequence, version } = event;
        this.#tell("warn", "a policy could not handle an event", {
          ...{ actorId, eventType, sequence, version, attempt },
          code: (error as { code?: unknown })?.code,
          reason: error instanceof Error ? error.message : String(error),
        });
      }
      throw error;
    }
  }

  /** The commands the handler sends. */
  async #decide(
    event: BusEvent & StoredEvent,
    attempt: number,
  ): Promise<readonly Outgoing[]> {
    const { name, on } = this.#policy;
    const cause = await causeOf(event, this.#policy);
    const commands: Outgoing[] = [];
    let isOver = false;
    const ctx: PolicyContext = {
      policy: name,
      attempt,
      send: (target, key) =>
        createSender(target, key, (address, command, input) => {
          if (isOver) {
            throw new InvalidArgumentError(
              `Cannot send "${command}" to "${address.id}" as the handler of policy "${name}" has returned`,
            );
          }
          commands.push({
            ...{ address, name: command, input },
            commandId: `${cause}#${commands.length}`,
            correlationId: event.metadata?.correlationId ?? event.commandId,
            causationId: event.id,
            traceparent: event.metadata?.traceparent,
          });
        }) as never,
    };
    try {
      await handlerOf(on, event)!(event, ctx);
    } finally {
      isOver = true;
    }
    return commands;
  }

  #tell(
    level: "warn" | "error",
    message: string,
    facts: Record<string, unknown>,
  ): void {
    this.#ports.log({ level, message, policy: this.#policy.name, ...facts });
  }
}

/** Names what a policy makes of an event: the same in every process and release. */
export async function causeOf(
  { actorId, namespace, version }: BusEvent,
  { durable }: PolicyDefinition,
): Promise<string> {
  const { keyToken, type } = parseActorId(actorId);
  const cause = `${namespace}/${type}/${keyToken}@${version}/${durable}`;
  if (cause.length <= LONGEST) return cause;
  const hash = new Uint8Array(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode(cause)),
  );
  const hex = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0"));
  return `${durable}/${hex.join("")}`;
}

/** Room for a number behind it: an id has 128 characters at most. */
const LONGEST = 120;
