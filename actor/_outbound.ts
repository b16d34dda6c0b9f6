/**
 * Calls to actors on other nodes, tried until they are answered or their time is
 * over, always under the same command id.
 *
 * Nobody listening on the owner's subject means that nothing was delivered: the
 * map is looked at again, and the call tried again. Silence means nothing for a
 * while, as handlers may take long: after 250 ms the owner is asked, and only when
 * it knows nothing of the call, when the shard has another owner, or when the
 * connection broke, is the call tried again: as a further attempt, which whoever
 * takes it looks up in the log first.
 *
 * The caller waits a little longer than it tells the callee, so that the last
 * word is the callee's: done, or not done. Once an attempt may have been
 * delivered and was not answered, only what the log vouches for ends the call
 * (done, or a stored rejection); whatever else it comes to, it ends as unknown.
 */
import {
  AetherError,
  type Clock,
  ClosedError,
  MovedError,
  OutcomeUnknownError,
  PayloadTooLargeError,
  PermissionDeniedError,
  StoreUnavailableError,
  type Subjects,
} from "../event/mod.ts";
import { isFault, type Link } from "../nats/mod.ts";
import type { ShardOwner } from "../cluster/mod.ts";
import type { Call } from "./_call.ts";
import type { Deadlines } from "./_deadlines.ts";
import { timeIsUp } from "./_job.ts";
import type { Placement } from "./_placement.ts";
import { Vigil } from "./_vigil.ts";
import { decodeReply, encodeCall } from "./_wire.ts";

/** What calls are sent with. */
export interface OutboundOptions {
  /** For requests. */
  readonly link: Link;
  /** Of the namespace. */
  readonly subjects: Subjects;
  /** Who owns what. */
  readonly placement: Placement;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Watches for silence. */
  readonly deadlines: Deadlines;
  /** This node. */
  readonly nodeId: string;
  /** Gets a call answered in this process. */
  local(call: Call): Promise<unknown>;
}

/** What became of one attempt. */
type Outcome =
  | { readonly kind: "answered"; readonly answer: unknown }
  /** The callee's word. */
  | { readonly kind: "refused"; readonly error: unknown }
  /** It went nowhere. */
  | { readonly kind: "undelivered" }
  /** It may have been delivered, but no answer will come. */
  | { readonly kind: "silent"; readonly cause: unknown }
  /** It cannot be sent, now or later. */
  | { readonly kind: "impossible"; readonly error: unknown };

/** Sends calls to other nodes. */
export class Outbound {
  readonly #options: OutboundOptions;
  readonly #vigils = new Set<Vigil>();
  #underway = 0;
  #onIdle: () => void = () => {};
  #closed = false;

  /** Sends nothing yet. */
  constructor(options: OutboundOptions) {
    this.#options = options;
  }

  /** Gets a call answered, wherever its actor lives. */
  async ask(call: Call): Promise<unknown> {
    this.#underway++;
    try {
      return await this.#ask(call);
    } finally {
      if (--this.#underway === 0) this.#onIdle();
    }
  }

  /** Gives what is under way up to `grace` ms to be answered. */
  drain(grace: number): Promise<void> {
    if (this.#underway === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#options.clock.timer(grace, resolve);
      this.#onIdle = () => {
        cancel();
        resolve();
      };
    });
  }

  async #ask(first: Call): Promise<unknown> {
    const { clock, placement } = this.#options;
    const { type, shard } = first.address;
    const began = clock.monotonic();
    let call = first;
    let doubt: unknown;
    for (let pause = 5;; pause = Math.min(pause * 2, 200)) {
      this.#assertGoingOn(call, doubt);
      const owner = placement.ownerOf(type, shard);
      if (owner === undefined) {
        if (clock.monotonic() - began > NOBODY) {
          throw notSettled(call, doubt, nobodyHosts(call, placement.nodes));
        }
      } else {
        const outcome = await this.#attempt(call, owner);
        switch (outcome.kind) {
          case "answered":
            return outcome.answer;
          case "refused":
            if (!goesOn(call, outcome.error, doubt)) {
              throw isVouchedFor(outcome.error)
                ? outcome.error
                : notSettled(call, doubt, outcome.error);
            }
            break;
          case "impossible":
            throw notSettled(call, doubt, outcome.error);
          case "silent":
            doubt = outcome.cause;
            call = { ...call, attempt: call.attempt + 1 };
            break;
          case "undelivered":
            await this.#lookFor(owner, call);
        }
      }
      await this.#pause(pause, call);
    }
  }

  /** Shards have other owners: whoever waits for a former one waits only briefly. */
  moved(): void {
    const { placement } = this.#options;
    for (const vigil of this.#vigils) {
      const { shard, type } = vigil.address;
      const owner = placement.ownerOf(type, shard);
      // Whoever was robbed of a shard has no last word.
      if (!isSame(owner, vigil.owner)) {
        vigil.hurry(owner?.seized ? 0 : LAST_WORD);
      }
    }
  }

  /** Sends nothing more. */
  close(): void {
    this.#closed = true;
  }

  #attempt(call: Call, owner: ShardOwner): Promise<Outcome> {
    const { nodeId, placement } = this.#options;
    if (owner.node !== nodeId) return this.#send(call, owner);
    const { shard, type } = call.address;
    if (placement.held(type, shard) === undefined) {
      return Promise.resolve({ kind: "undelivered" });
    }
    const since = this.#options.clock.monotonic();
    return this.#options.local({ ...call, since }).then(
      (answer): Outcome => ({ kind: "answered", answer }),
      (error): Outcome => ({ kind: "refused", error }),
    );
  }

  #send(call: Call, owner: ShardOwner): Promise<Outcome> {
    const { clock, deadlines, link, placement, subjects } = this.#options;
    const left = call.deadline - clock.monotonic();
    const { body, headers } = encodeCall(call, owner, left);
    const size = body.length + (headers?.length ?? 0);
    if (size > link.maxPayload) {
      const error = tooLarge(call, size, link.maxPayload);
      return Promise.resolve({ kind: "impossible", error });
    }
    const { type, shard } = call.address;
    const subject = subjects.owner(type, shard, owner.generation);
    return new Promise((resolve) => {
      const settle = (outcome: Outcome) => {
        vigil.stop();
        this.#vigils.delete(vigil);
        resolve(outcome);
      };
      const vigil = new Vigil(call.address, owner, {
        clock,
        deadlines,
        isLost: async () =>
          !isSame(placement.ownerOf(type, shard), owner) ||
          !(await placement.has(owner, call.commandId)),
        onLost: () => {
          giveUp();
          const cause = new MovedError(`node "${owner.node}" gave no answer`);
          settle({ kind: "silent", cause });
        },
      });
      this.#vigils.add(vigil);
      const giveUp = link.requestMany(
        subject,
        body,
        { headers: headers!, timeout: left + MARGIN, signal: call.signal },
        (reply) => {
          try {
            settle({ kind: "answered", answer: decodeReply(reply) });
          } catch (error) {
            settle({ kind: "refused", error });
          }
          return true;
        },
        (error) => settle(outcomeOf(call, error)),
      );
    });
  }

  #assertGoingOn(call: Call, doubt: unknown): void {
    if (this.#closed) throw notSettled(call, doubt, closed(call));
    if (call.signal?.aborted) {
      throw notSettled(call, doubt, call.signal.reason);
    }
    if (call.deadline <= this.#options.clock.monotonic()) {
      throw notSettled(call, doubt, timeIsUp(call));
    }
  }

  async #lookFor(owner: ShardOwner, call: Call): Promise<void> {
    const { clock, link, placement } = this.#options;
    if (!link.connected) {
      const left = Math.max(1, call.deadline - clock.monotonic());
      // Past the deadline the loop says so.
      await link.ready(left, call.signal).catch(() => {});
    } else if (owner.node !== this.#options.nodeId) {
      // To look again may take longer than the call may.
      const left = Math.max(0, call.deadline - clock.monotonic());
      await new Promise<void>((resolve) => {
        const cancel = clock.timer(left, resolve);
        placement.missed(owner).then(resolve).finally(cancel);
      });
    }
  }

  #pause(ms: number, call: Call): Promise<void> {
    const { clock, placement } = this.#options;
    const left = Math.max(0, call.deadline - clock.monotonic());
    return placement.changed(Math.min(ms, left));
  }
}

function isSame(one: ShardOwner | undefined, other: ShardOwner): boolean {
  return one?.node === other.node && one.run === other.run &&
    one.generation === other.generation;
}

function outcomeOf(call: Call, error: unknown): Outcome {
  if (!isFault(error)) return { kind: "silent", cause: error }; // aborted
  const action = `Cannot call "${call.name}" of "${call.address.id}"`;
  switch (error.kind) {
    case "no_responders":
      return { kind: "undelivered" };
    case "disconnected":
      return error.sent
        ? { kind: "silent", cause: error }
        : { kind: "undelivered" };
    case "timeout":
      return { kind: "silent", cause: error };
    case "closed":
      return error.sent
        ? { kind: "silent", cause: error }
        : { kind: "impossible", error: closed(call) };
    case "too_large":
      return { kind: "impossible", error: tooLarge(call) };
    case "permission":
      return {
        kind: "impossible",
        error: new PermissionDeniedError(
          `${action} as this NATS user may not publish to ${error.subject}: allow it in the server's configuration`,
          { cause: error },
        ),
      };
  }
}

/** Whether a refusal leaves the call to be tried again. */
function goesOn(call: Call, error: unknown, doubt: unknown): boolean {
  if (error instanceof MovedError) return true;
  // What is refused now says nothing about the attempt that was not answered.
  return doubt !== undefined && !call.query && !isVouchedFor(error) &&
    error instanceof AetherError && error.retryable;
}

function isVouchedFor(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === "rejected" || code === "outcome_unknown" ||
    code === "reply_too_large";
}

/** The error a call ends with: unknown, where an attempt may have been delivered. */
export function notSettled(
  call: Call,
  doubt: unknown,
  error: unknown,
): unknown {
  if (doubt === undefined || call.query) return error;
  return new OutcomeUnknownError(
    `"${call.name}" of "${call.address.id}" may or may not have been done: call again with command id "${call.commandId}" to find out`,
    {
      cause: error,
      details: { actorId: call.address.id, commandId: call.commandId },
    },
  );
}

function nobodyHosts(
  { name, address }: Call,
  nodes: readonly string[],
): StoreUnavailableError {
  return new StoreUnavailableError(
    `Cannot call "${name}" of "${address.id}" as no node hosts actor type "${address.type}": ${
      nodes.length === 0
        ? "there are no nodes"
        : `there are ${nodes.length}, ${nodes.slice(0, 5).join(", ")}`
    }`,
    { details: { type: address.type, nodes: nodes.slice(0, 100) } },
  );
}

function tooLarge(
  { name, address }: Call,
  size?: number,
  limit?: number,
): PayloadTooLargeError {
  return new PayloadTooLargeError(
    `Cannot call "${name}" of "${address.id}" as its input is larger than the server takes`,
    { details: size === undefined ? {} : { size, limit } },
  );
}

function closed({ name, address }: Call): ClosedError {
  return new ClosedError(
    `Cannot call "${name}" of "${address.id}" as the connection to NATS is closed`,
  );
}

/** How much longer than its deadline a call waits for the callee's last word. */
const MARGIN = 250;
/** How long whoever had a shard may still take to answer what it was sent. */
const LAST_WORD = 50;
/** How long a call waits for the first node that hosts its type. */
const NOBODY = 2_000;
