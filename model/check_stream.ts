/** Holds a model against the facts: what a namespace has stored. */
import { parseActorId } from "../event/mod.ts";
import { type Field, fieldsOf, misfitOf } from "./field.ts";
import type { DomainEvent, Model } from "./words.ts";

/** An event as it is read back, as far as a model looks at it. */
export interface ReadEvent {
  /** Whom it happened to. */
  readonly actorId: string;
  /** What happened. */
  readonly eventType: string;
  /** Its number among the actor's events. */
  readonly version: number;
  /** What it carries. */
  readonly data: unknown;
  /** Its place in the log. */
  readonly sequence: number;
}

/** What events are read from: any event store. */
export interface Readable {
  /** Reads a whole namespace, oldest first. */
  read(): AsyncIterable<ReadEvent>;
}

/** What does not fit the model. */
export type StreamRule =
  | "unknown_actor"
  | "unknown_event"
  | "missing_field"
  | "wrong_type"
  | "unknown_field"
  | "forbidden_order"
  | "never_seen";

/** Something stored that does not fit the model, or is missing. */
export interface StreamFinding {
  /** What is wrong. */
  readonly rule: StreamRule;
  /** The aggregate, event or field, such as `account.Deposited.amount`. */
  readonly at: string;
  /** In words; what was seen first. */
  readonly message: string;
  /** How many events it is so of; 0 for what was never seen. */
  readonly count: number;
  /** The first of them. */
  readonly first?: {
    /** Whose event. */
    readonly actorId: string;
    /** Its version. */
    readonly version: number;
    /** Its place in the log. */
    readonly sequence: number;
  };
}

/** What a namespace holds, compared with a model. */
export interface StreamReport {
  /** Events that were read. */
  readonly events: number;
  /** Events by reference, such as `account.Deposited`; only those seen. */
  readonly seen: Readonly<Record<string, number>>;
  /** What does not fit, in the order it was met; what was never seen, last. */
  readonly findings: readonly StreamFinding[];
}

/**
 * Replays a namespace and reports what does not fit the model: events and actor
 * types it does not know, fields that are missing, of another type or not in
 * the model, orders it forbids (`first`, `last`, `after`, `notAfter`), and
 * events it has and nobody ever stored.
 *
 * Keeps in memory which events each actor has had, for aggregates with rules of
 * order: a few bytes an actor. Data of an event whose model has no `fields` is
 * not looked at.
 *
 * @param model The model.
 * @param events An event store, or events in the order of the log.
 * @example An amount in words
 * ```ts
 * import { InMemoryEventStore } from "@flowmade/aether";
 * import { checkStream } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const bank = {
 *   name: "bank",
 *   aggregates: { account: { events: { Deposited: { fields: { amount: "number" } } } } },
 * } as const;
 * await using store = new InMemoryEventStore({ namespace: "bank" });
 * await store.append("account-ada", [{ eventType: "Deposited", data: { amount: "ten" } }]);
 * const { findings } = await checkStream(bank, store);
 * assert.equal(findings[0]?.rule, "wrong_type");
 * assert.equal(findings[0]?.at, "account.Deposited.amount");
 * ```
 */
export async function checkStream(
  model: Model,
  events: Readable | AsyncIterable<ReadEvent>,
): Promise<StreamReport> {
  const checker = new StreamChecker(model);
  const source = "read" in events ? events.read() : events;
  for await (const event of source) checker.see(event);
  return checker.report();
}

type Finding = {
  -readonly [Key in keyof StreamFinding]: StreamFinding[Key];
};

interface Known {
  readonly spec: DomainEvent;
  readonly fields: readonly Field[] | undefined;
  /** Place of the event in its aggregate, for the sets of events an actor has had. */
  readonly bit: bigint;
}

class StreamChecker {
  readonly #known = new Map<string, Map<string, Known>>();
  /** Aggregates in which the order of events matters. */
  readonly #ordered = new Set<string>();
  readonly #had = new Map<string, bigint>();
  readonly #findings = new Map<string, Finding>();
  readonly #seen = new Map<string, number>();
  #events = 0;

  constructor(model: Model) {
    for (const [type, aggregate] of Object.entries(model.aggregates ?? {})) {
      const events = Object.entries(aggregate.events ?? {});
      this.#known.set(
        type,
        new Map(events.map(([name, spec], index) => [name, {
          spec,
          fields: spec.fields === undefined ? undefined : fieldsOf(spec.fields),
          bit: 1n << BigInt(index),
        }])),
      );
      const ordered = events.some(([, { first, last, after, notAfter }]) =>
        first || last || after !== undefined || notAfter !== undefined
      );
      if (ordered) this.#ordered.add(type);
    }
  }

  see(event: ReadEvent): void {
    this.#events++;
    const { type } = parseActorId(event.actorId);
    const { eventType } = event;
    const events = this.#known.get(type);
    if (events === undefined) {
      return this.#find("unknown_actor", type, `no aggregate "${type}"`, event);
    }
    const at = `${type}.${eventType}`;
    const known = events.get(eventType);
    if (known === undefined) {
      return this.#find(
        "unknown_event",
        at,
        `"${type}" has no event "${eventType}"`,
        event,
      );
    }
    this.#seen.set(at, (this.#seen.get(at) ?? 0) + 1);
    if (known.fields !== undefined) this.#checkData(at, known.fields, event);
    if (this.#ordered.has(type)) this.#checkOrder(at, events, known, event);
  }

  report(): StreamReport {
    const never: StreamFinding[] = [];
    for (const [type, events] of this.#known) {
      for (const name of events.keys()) {
        const at = `${type}.${name}`;
        if (this.#seen.has(at)) continue;
        const message = `"${at}" was never stored`;
        never.push({ rule: "never_seen", at, message, count: 0 });
      }
    }
    return {
      events: this.#events,
      seen: Object.fromEntries(this.#seen),
      findings: [...this.#findings.values(), ...never],
    };
  }

  #checkData(at: string, fields: readonly Field[], event: ReadEvent): void {
    const { data } = event;
    if (typeof data !== "object" || data === null || Array.isArray(data)) {
      const needed = fields.filter(({ optional }) => !optional);
      for (const { name } of needed) this.#missing(at, name, event);
      return;
    }
    const held = data as Record<string, unknown>;
    for (const field of fields) {
      const value = Object.hasOwn(held, field.name)
        ? held[field.name]
        : undefined;
      if (value === undefined) {
        if (!field.optional) this.#missing(at, field.name, event);
        continue;
      }
      const misfit = misfitOf(field, value);
      if (misfit === undefined) continue;
      const rule = misfit.missing ? "missing_field" : "wrong_type";
      this.#find(rule, `${at}.${misfit.place}`, misfit.message, event);
    }
    for (const name of Object.keys(held)) {
      if (fields.some((field) => field.name === name)) continue;
      this.#find(
        "unknown_field",
        `${at}.${name}`,
        `"${at}" has no field "${name}"`,
        event,
      );
    }
  }

  #missing(at: string, name: string, event: ReadEvent): void {
    this.#find("missing_field", `${at}.${name}`, `"${name}" is missing`, event);
  }

  #checkOrder(
    at: string,
    events: ReadonlyMap<string, Known>,
    { spec, bit }: Known,
    event: ReadEvent,
  ): void {
    const had = this.#had.get(event.actorId) ?? 0n;
    this.#had.set(event.actorId, had | bit);
    const hadOne = (names: readonly string[]) =>
      names.filter((name) => (had & (events.get(name)?.bit ?? 0n)) !== 0n);
    const forbid = (why: string) =>
      this.#find("forbidden_order", at, why, event);
    if (spec.first && event.version !== 1) {
      forbid(`"${at}" comes first and nowhere else`);
    }
    if (spec.after !== undefined && hadOne(spec.after).length === 0) {
      forbid(`"${at}" came before any ${spec.after.join(" or ")}`);
    }
    const before = hadOne(spec.notAfter ?? []);
    if (before.length > 0) forbid(`"${at}" came after ${before.join(" and ")}`);
    const firsts = [...events].filter(([, known]) => known.spec.first);
    if (event.version === 1 && firsts.length > 0 && !spec.first) {
      forbid(
        `"${at}" came first, where ${
          firsts.map(([name]) => name).join(" or ")
        } does`,
      );
    }
    const ended = [...events].filter(([, known]) =>
      known.spec.last && (had & known.bit) !== 0n
    );
    if (ended.length > 0) {
      forbid(
        `"${at}" came after ${
          ended.map(([name]) => name).join(" and ")
        }, which is the last`,
      );
    }
  }

  #find(
    rule: StreamRule,
    at: string,
    message: string,
    { actorId, version, sequence }: ReadEvent,
  ): void {
    const key = `${rule} ${at} ${rule === "forbidden_order" ? message : ""}`;
    const found = this.#findings.get(key);
    if (found !== undefined) {
      found.count++;
      return;
    }
    const first = { actorId, version, sequence };
    this.#findings.set(key, { rule, at, message, count: 1, first });
  }
}
