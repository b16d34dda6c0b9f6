/** What travels where: every subject Aether uses, built and taken apart in this one file. */
import { show } from "./_show.ts";
import {
  type ActorAddress,
  checkActorType,
  formatActorId,
  parseActorId,
  RAW_TYPE,
} from "./actor_id.ts";
import { InvalidArgumentError } from "./errors.ts";
import { checkNamespace } from "./namespace.ts";
import { checkDurable, closedPatterns } from "./pattern.ts";
import { decodeToken, encodeToken } from "./token.ts";

/** The subjects of one namespace. */
export interface Subjects {
  /** The namespace. */
  readonly namespace: string;
  /** An actor's commits: `aether.ev.<ns>.<shard>.<type>.<key>`. */
  event(address: ActorAddress): string;
  /** Filter over the commits of one type. */
  eventsOfType(type: string): string;
  /** Filter over the commits of all actors. */
  readonly allEvents: string;
  /** An actor's snapshot: `aether.sn.<ns>.<type>.<key>`. */
  snapshot(address: ActorAddress): string;
  /** Filter over all snapshots. */
  readonly allSnapshots: string;
  /** Stored commits as the server republishes them: `aether.bus.<ns>.<type>.<key>`. */
  bus(address: ActorAddress): string;
  /** Where the server republishes to, written as its mapping. */
  readonly busMapping: string;
  /** Filter over the commits of one shard and one type; all of those left out. */
  eventsOfShard(shard?: number, type?: string): string;
  /** Durable commands to an actor: `aether.cmd.<ns>.<shard>.<type>.<key>`. */
  command(address: ActorAddress): string;
  /** Filter over the durable commands to a type's actors of one shard. */
  commandsOfShard(type: string, shard: number): string;
  /** Filter over all durable commands. */
  readonly allCommands: string;
  /** Where the server says that a durable command was stored: `aether.due.<ns>.<shard>.<type>`. */
  readonly allDue: string;
  /** Where the server says so, written as its mapping. */
  readonly dueMapping: string;
  /** One setting of a timer, by its id: `aether.at.<ns>.<shard>.<type>.<key>.<id>`. */
  alarm(address: ActorAddress, id: string): string;
  /** Filter over all timers. */
  readonly allAlarms: string;
  /** A durable command that was parked: `aether.park.<ns>.<shard>.<type>.<key>.<command id>`. */
  parked(address: ActorAddress, commandId: string): string;
  /** Filter over what was parked: of one type and shard, or all. */
  parkedOf(type?: string, shard?: number): string;
  /** How far a life of a node got with carrying out effects: `aether.mark.<ns>.<run>`. */
  mark(run: string): string;
  /** Filter over all of these. */
  readonly allMarks: string;
  /** An actor's notices: `aether.note.<ns>.<type>.<key>`. */
  note(address: ActorAddress): string;
  /** Something a durable subscription keeps: `aether.sub.<ns>.<durable>.<item>`. */
  durable(durable: string, item: string): string;
  /** Filter over all that durable subscriptions keep. */
  readonly allDurables: string;
  /**
   * Where those who share a durable subscription tell each other something:
   * `aether.wake.<ns>.<durable>`, or with one more token, one of them.
   */
  wake(durable: string, seat?: string): string;
  /** Something a projection keeps: `aether.view.<ns>.<projection>.<version>.<item>`. */
  view(projection: string, version: string, item: string): string;
  /** Filter over all that projections keep. */
  readonly allViews: string;
  /** A request to the owner of a shard: `aether.do.<ns>.<type>.<shard>.<gen>`. */
  owner(type: string, shard: number, generation: number): string;
  /**
   * A request from any client: `aether.ask.<ns>.<type>.<key>.<command>`. A
   * command is named by 1 to 128 of `[A-Za-z0-9_$-]`.
   */
  ask(address: ActorAddress, command: string): string;
  /** Filter over all requests from any client to one type. */
  asksOfType(type: string): string;
}

/**
 * Builds the subjects of a namespace.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: not a namespace.
 * @example Where an order's commits are stored
 * ```ts
 * import { parseActorId, subjectsOf } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * const subjects = subjectsOf("shop");
 * assert.equal(subjects.event(parseActorId("order-1")), "aether.ev.shop.82.order.1");
 * ```
 */
export function subjectsOf(namespace: string): Subjects {
  let subjects = made.get(namespace);
  if (subjects === undefined) {
    subjects = makeSubjects(checkNamespace(namespace));
    if (made.size >= MADE) made.clear();
    made.set(namespace, subjects);
  }
  return subjects;
}

// The same object for the same namespace: who checks a message's subject can see
// that it was checked before.
const made = new Map<string, Subjects>();
const MADE = 1_000;

function makeSubjects(ns: string): Subjects {
  return {
    namespace: ns,
    event: (a) => `aether.ev.${ns}.${a.shard}.${a.type}.${a.keyToken}`,
    eventsOfType: (type) => `aether.ev.${ns}.*.${typeToken(type)}.*`,
    allEvents: `aether.ev.${ns}.*.*.*`,
    snapshot: (a) => `aether.sn.${ns}.${a.type}.${a.keyToken}`,
    allSnapshots: `aether.sn.${ns}.*.*`,
    bus: (a) => `aether.bus.${ns}.${a.type}.${a.keyToken}`,
    busMapping: `aether.bus.${ns}.{{wildcard(2)}}.{{wildcard(3)}}`,
    eventsOfShard: (shard, type) =>
      `aether.ev.${ns}.${shard ?? "*"}.${
        type === undefined ? "*" : typeToken(type)
      }.*`,
    command: (a) => `aether.cmd.${ns}.${a.shard}.${a.type}.${a.keyToken}`,
    commandsOfShard: (type, shard) =>
      `aether.cmd.${ns}.${shard}.${typeToken(type)}.*`,
    allCommands: `aether.cmd.${ns}.*.*.*`,
    allDue: `aether.due.${ns}.*.*`,
    dueMapping: `aether.due.${ns}.{{wildcard(1)}}.{{wildcard(2)}}`,
    alarm: (a, id) =>
      `aether.at.${ns}.${a.shard}.${a.type}.${a.keyToken}.${encodeToken(id)}`,
    allAlarms: `aether.at.${ns}.*.*.*.*`,
    parked: (a, commandId) =>
      `aether.park.${ns}.${a.shard}.${a.type}.${a.keyToken}.${
        encodeToken(commandId)
      }`,
    parkedOf: (type, shard) =>
      `aether.park.${ns}.${shard ?? "*"}.${
        type === undefined ? "*" : typeToken(type)
      }.*.*`,
    mark: (run) => `aether.mark.${ns}.${encodeToken(run)}`,
    allMarks: `aether.mark.${ns}.*`,
    note: (a) => `aether.note.${ns}.${a.type}.${a.keyToken}`,
    durable: (durable, item) =>
      `aether.sub.${ns}.${checkDurable(durable)}.${item}`,
    allDurables: `aether.sub.${ns}.*.*`,
    wake: (durable, seat) =>
      `aether.wake.${ns}.${checkDurable(durable)}` +
      (seat === undefined ? "" : `.${seat}`),
    view: (projection, version, item) =>
      `aether.view.${ns}.${projection}.${version}.${item}`,
    allViews: `aether.view.${ns}.*.*.*`,
    owner: (type, shard, generation) =>
      `aether.do.${ns}.${typeToken(type)}.${shard}.${generation}`,
    ask: (a, command) =>
      `aether.ask.${ns}.${a.type}.${a.keyToken}.${commandToken(command)}`,
    asksOfType: (type) => `aether.ask.${ns}.${typeToken(type)}.*.*`,
  };
}

/**
 * Takes the subject of a stored commit apart and checks that it is the one
 * spelling its actor has: decoded, encoded again and hashed again, it is the same.
 *
 * @param subject Such as `aether.ev.shop.82.order.1`.
 * @returns The namespace and the actor's address.
 * @throws {InvalidArgumentError} `invalid_argument`: no such subject.
 */
export function parseEventSubject(
  subject: string,
): { namespace: string; address: ActorAddress } {
  const tokens = subject.split(".");
  const [keyToken, type, shard] = [tokens.at(-1), tokens.at(-2), tokens.at(-3)];
  if (tokens[0] !== "aether" || tokens[1] !== "ev" || tokens.length < 6) {
    throw refuse(subject);
  }
  const namespace = checkNamespace(tokens.slice(2, -3).join("."));
  const address = addressOfTokens(type!, keyToken!);
  if (String(address.shard) !== shard) throw refuse(subject);
  return { namespace, address };
}

/**
 * Takes the subject of a durable command apart, with the same checks.
 *
 * @param subject Such as `aether.cmd.shop.82.order.1`.
 * @returns The actor's address.
 * @throws {InvalidArgumentError} `invalid_argument`: no such subject.
 */
export function parseCommandSubject(subject: string): ActorAddress {
  const tokens = subject.split(".");
  const [keyToken, type, shard] = [tokens.at(-1), tokens.at(-2), tokens.at(-3)];
  if (tokens[0] !== "aether" || tokens[1] !== "cmd" || tokens.length < 6) {
    throw refuse(subject);
  }
  checkNamespace(tokens.slice(2, -3).join("."));
  const address = addressOfTokens(type!, keyToken!);
  if (String(address.shard) !== shard) throw refuse(subject);
  return address;
}

/**
 * Builds the subjects on which the events of a pattern's namespaces arrive.
 *
 * @param kind `bus` for stored commits, `note` for notices.
 * @param pattern A namespace or a pattern of namespaces.
 * @param only Narrows to one type, or one actor; everything by default.
 * @returns Several where the pattern ends with `>`: as many tokens follow behind
 * each namespace, so each length has a subject of its own.
 * @throws {InvalidArgumentError} `invalid_argument`: not a pattern, or not a type.
 * @example A pattern of two tokens
 * ```ts
 * import { arrivalSubjects } from "@flowmade/aether/event";
 * import assert from "node:assert/strict";
 * assert.deepEqual(arrivalSubjects("bus", "prod.*"), ["aether.bus.prod.*.*.*"]);
 * ```
 */
export function arrivalSubjects(
  kind: "bus" | "note",
  pattern: string,
  only: { readonly type?: string; readonly keyToken?: string } = {},
): string[] {
  const type = only.type === undefined ? "*" : typeToken(only.type);
  const key = only.keyToken ?? "*";
  return closedPatterns(pattern).map((closed) =>
    `aether.${kind}.${closed}.${type}.${key}`
  );
}

/**
 * Reads the namespace out of a subject on which an event has arrived. The actor
 * is left alone: it is in the event, whose own subject has to be this one.
 *
 * @param subject Such as `aether.bus.shop.order.1`.
 * @throws {InvalidArgumentError} `invalid_argument`: no such subject.
 */
export function arrivalNamespace(subject: string): string {
  const tokens = subject.split(".");
  if (
    tokens.length < 5 || tokens[0] !== "aether" ||
    (tokens[1] !== "bus" && tokens[1] !== "note")
  ) {
    throw refuse(subject);
  }
  return checkNamespace(tokens.slice(2, -2).join("."));
}

/**
 * Finds the actor that two subject tokens stand for.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: not the spelling of any actor.
 */
export function addressOfTokens(
  typeToken: string,
  keyToken: string,
): ActorAddress {
  const address = parseActorId(formatActorId(typeToken, decodeToken(keyToken)));
  if (address.type !== typeToken || address.keyToken !== keyToken) {
    throw refuse(`${typeToken}.${keyToken}`);
  }
  return address;
}

function typeToken(type: string): string {
  return type === RAW_TYPE ? type : checkActorType(type);
}

function commandToken(command: string): string {
  if (typeof command !== "string" || !/^[\w$-]{1,128}$/.test(command)) {
    throw new InvalidArgumentError(
      `Cannot ask with a command's name that is not 1 to 128 letters, digits, "_", "$" or "-": got ${
        show(command)
      }`,
    );
  }
  return command;
}

function refuse(subject: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `Cannot read a subject that is not the one spelling of an actor's: got ${
      show(subject)
    }`,
  );
}
