/** Real values, as Aether stores and sends them: what the fuzz changes. */
import {
  cloudEventsCodec,
  type CommandRecord,
  type Effect,
  type Event,
  parseActorId,
  subjectsOf,
  ulid,
} from "../../event/mod.ts";
import { encodeCommit } from "../../store/_commit.ts";
import { encodeDurable, encodeParked } from "../../store/_inbox_format.ts";
import { encodeSnapshot } from "../../store/_snapshot_format.ts";
import type { DurableCommand } from "../../store/mod.ts";

/** A message as its writer sends it. */
export interface Specimen {
  readonly subject: string;
  readonly headers: Uint8Array;
  readonly body: Uint8Array;
}

/** Whose they are. */
export const NAMESPACE = "shop";
/** Ids of all kinds. */
export const IDS: readonly string[] = [
  "account-ada",
  "order-a.b *>",
  "account-j\u00fcrgen",
  "2024-report",
  "account-\u{1f600}",
];

const subjects = subjectsOf(NAMESPACE);
const AT = new Date("2026-01-02T03:04:05.006Z");
const ORIGIN = {
  correlationId: "corr-1",
  causationId: "cause-1",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};
const DATA: readonly unknown[] = [
  { amount: 100 },
  { lines: [{ sku: "a", n: 1 }, { sku: "b\u00e9", n: 2.5e-7 }], note: null },
  [[[[true, false]]], "deep"],
  'text with "quotes" and \u2028',
  undefined,
  0,
];

const EFFECTS: readonly Effect[] = [
  {
    kind: "send",
    to: "account-bob",
    command: "deposit",
    input: { amount: 1 },
    onRejected: "refund",
    ...ORIGIN,
  },
  {
    kind: "schedule",
    timer: "time out",
    at: AT.getTime(),
    command: "expire",
    replaces: ulid(),
  },
  { kind: "cancel", timer: "t\u00e9", id: ulid() },
  { kind: "fired", timer: "time out" },
  { kind: "publish", eventType: "Warned", data: ["x", { y: null }] },
];

const COMMANDS: readonly CommandRecord[] = [
  { id: ulid(), events: 1 },
  { id: "invoice-7", events: 0 },
  {
    id: "[odd]",
    events: 0,
    rejected: {
      reason: "insufficient_funds",
      message: "balance is 3 \u20ac",
      details: { missing: [4, { of: "\u00e4" }] },
    },
  },
];

function eventsOf(actorId: string, count: number, from: number): Event[] {
  return Array.from({ length: count }, (_, i) => ({
    id: ulid(),
    eventType: i % 2 === 0 ? "Deposited" : "Not\u00e9d",
    actorId,
    version: from + i,
    data: DATA[(from + i) % DATA.length],
    timestamp: AT,
    ...(i % 2 === 0 ? { commandId: "invoice-7" } : {}),
    ...(i % 3 === 0
      ? { metadata: { ...ORIGIN, "user id": "u\u00fc\u0001" } }
      : {}),
  }));
}

/** Commits of all forms. */
export const COMMITS: readonly Specimen[] = IDS.flatMap((actorId, n) =>
  [0, 1, 1, 3].map((count, i): Specimen => {
    const { body, headers } = encodeCommit(cloudEventsCodec, {
      namespace: NAMESPACE,
      commitId: ulid(),
      position: {
        actorId,
        version: n + i,
        trail: [41, 30, 29, 7, 1].slice(0, n + i),
      },
      events: eventsOf(actorId, count, n + i + 1),
      commands: COMMANDS.slice(0, (n + i) % 4),
      effects: count === 1 ? [] : EFFECTS.slice(n % 3),
      generation: i === 2 ? undefined : n + 1,
    });
    return { subject: subjects.event(parseActorId(actorId)), headers, body };
  })
);

const DURABLE: DurableCommand = {
  commandId: ulid(),
  actorId: "account-ada",
  command: "deposit",
  input: { amount: 1, to: ["b\u00f6b"] },
  source: "transfer-1",
  onRejected: "refund",
  ...ORIGIN,
};
const ADA = parseActorId("account-ada");

/** Commands that wait in the inbox. */
export const DURABLES: readonly Specimen[] = [
  DURABLE,
  { ...DURABLE, timer: { name: "time out \u00e9", id: ulid() } },
  { ...DURABLE, parked: "replay" } as const,
  { commandId: "x", actorId: "account-ada", command: "look", source: "s" },
].map((command) => ({
  subject: subjects.command(ADA),
  ...encodeDurable(command),
}));

/** Commands that were parked. */
export const PARKED: readonly Specimen[] =
  (["failed", "behind", "rejected"] as const).map((because, order) => ({
    subject: subjects.parked(ADA, DURABLE.commandId),
    ...encodeParked({
      command: DURABLE,
      because,
      reason: "it was t\u00f6o much",
      code: "command_failed",
      attempts: 10,
      at: AT,
      order,
    }),
  }));

/** Snapshots. */
export const SNAPSHOTS: readonly Uint8Array[] = DATA
  .filter((state) => state !== undefined).map((state, n) =>
    encodeSnapshot({
      actorId: ADA.id,
      version: n,
      state,
      timestamp: AT,
      schema: 1,
      sequence: 7,
      commitId: ulid(),
      ...(n === 0 ? {} : {
        commands: [
          ...COMMANDS.map((record) => ({ ...record, version: n })),
          ...[1, 2, 3].map((i) => ({ id: ulid(), events: i, version: n + i })),
          ...[4, 5].map((i) => ({ id: ulid(), events: 1, version: n + i })),
        ].map((command) => ({ ...command, at: AT.getTime() })),
        timers: [{ name: "t", id: ulid(), at: AT.getTime(), command: "x" }],
      }),
    })
  );
