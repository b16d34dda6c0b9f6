/**
 * Runs policies: each on a durable subscription of its own, one process at a time.
 *
 * An event is acknowledged when all that its handler has sent is in the inbox. If
 * the process dies before that, the next one delivers the event again, the handler
 * sends the same commands under the same ids, and those that are done already are
 * answered from what their actor remembers, and change nothing. That is where
 * "exactly once in effect" comes from; no lease has to be believed, as a late process
 * sends under the same ids, too.
 *
 * Through the inbox, and not by asking the target: a target that is slow, or cannot
 * carry out what it is sent, holds up its own lane there and not the policy.
 */
import {
  ClosedError,
  deriveId,
  InvalidArgumentError,
  type StoredEvent,
} from "../event/mod.ts";
import type { BusEvent, EventBroadcaster, Subscription } from "../bus/mod.ts";
import type { DurableCommand } from "../store/mod.ts";
import { handlerOf, onlyType } from "../projection/mod.ts";
import type { Log } from "./log.ts";
import type { Outbox } from "./_outbox.ts";
import { createSender } from "./_sender.ts";
import type { PolicyContext, PolicyDefinition } from "./policy.ts";

/** What policies work with. */
export interface PolicyPorts {
  /** Whose events. */
  readonly namespace: string;
  /** Where events come from. */
  readonly bus: EventBroadcaster;
  /** Where commands go. */
  readonly outbox: Outbox;
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
      for (const command of await this.#decide(event, attempt)) {
        await this.#send(command);
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
  ): Promise<readonly DurableCommand[]> {
    const { durable, name, on } = this.#policy;
    const { actorId, commandId, commitId, metadata, version } = event;
    const correlationId = metadata?.correlationId ?? commandId;
    const traceparent = metadata?.traceparent;
    const commands: DurableCommand[] = [];
    let isOver = false;
    const ctx: PolicyContext = {
      policy: name,
      attempt,
      send: (target, key) =>
        createSender(target, key, ({ to, ...noted }) => {
          if (isOver) {
            throw new InvalidArgumentError(
              `Cannot send "${noted.command}" to "${to}" as the handler of policy "${name}" has returned`,
            );
          }
          const nth = commands.length;
          commands.push({
            ...noted,
            commandId: deriveId(commitId, `/${durable}@${version}#${nth}`),
            actorId: to,
            source: `${durable}/${actorId}`,
            causationId: event.id,
            ...(correlationId === undefined ? {} : { correlationId }),
            ...(traceparent === undefined ? {} : { traceparent }),
          });
        }),
    };
    try {
      await handlerOf(on, event)!(event, ctx);
    } finally {
      isOver = true;
    }
    return commands;
  }

  /** Puts a command into the inbox, unless all ends before. */
  #send(command: DurableCommand): Promise<void> {
    const { signal } = this.#end;
    return new Promise((resolve, reject) => {
      const end = () =>
        reject(
          new ClosedError(
            `Cannot send "${command.command}" to "${command.actorId}" any more as policy "${this.#policy.name}" has ended here`,
          ),
        );
      if (signal.aborted) return end();
      signal.addEventListener("abort", end, { once: true });
      this.#ports.outbox.sendDurable(command).then(resolve, reject)
        .finally(() => signal.removeEventListener("abort", end));
    });
  }

  #tell(
    level: "warn" | "error",
    message: string,
    facts: Record<string, unknown>,
  ): void {
    this.#ports.log({ level, message, policy: this.#policy.name, ...facts });
  }
}
