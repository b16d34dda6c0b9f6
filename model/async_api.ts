/**
 * A model as an AsyncAPI 3 document: what travels on the bus of a namespace, and
 * what can be asked of its actors from any NATS client.
 *
 * Sources: {@link https://www.asyncapi.com/docs/reference/specification/v3.0.0 | AsyncAPI 3.0.0},
 * {@link https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md | CloudEvents in JSON}.
 */
import { checkNamespace, EVENT_BATCH, ONE_EVENT } from "../event/mod.ts";
import { fieldsOf } from "./field.ts";
import { type JsonSchema, schemaOf } from "./json_schema.ts";
import type { Aggregate, Command, DomainEvent, Model } from "./words.ts";

/** An AsyncAPI document, as JSON. */
export type AsyncApiDocument = { readonly [key: string]: unknown };

/** What the document is made for. */
export interface AsyncApiOptions {
  /** Whose subjects it names. */
  readonly namespace: string;
  /** Version of the document; the model's by default, or `0.0.0`. */
  readonly version?: string;
}

/**
 * Writes a model as an AsyncAPI 3 document: for each aggregate a channel
 * `aether.bus.<namespace>.<type>.{key}` with its events as CloudEvents in JSON,
 * alone or, where one decision led to several, as a batch; for each command and
 * query a channel `aether.ask.<namespace>.<type>.{key}.<name>` with request and
 * reply.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: not a namespace.
 * @example The address of an account's events
 * ```ts
 * import { toAsyncApi } from "@flowmade/aether/model";
 * import assert from "node:assert/strict";
 *
 * const document = toAsyncApi({
 *   name: "bank",
 *   aggregates: { account: { events: { Deposited: { fields: { amount: "number" } } } } },
 * }, { namespace: "bank" });
 * assert.match(JSON.stringify(document), /"address":"aether.bus.bank.account.{key}"/);
 * ```
 */
export function toAsyncApi(
  model: Model,
  { namespace, version = model.version ?? "0.0.0" }: AsyncApiOptions,
): AsyncApiDocument {
  const ns = checkNamespace(namespace);
  const parts = { channels: {}, operations: {}, messages: {} };
  for (const [type, aggregate] of Object.entries(model.aggregates ?? {})) {
    addEvents(parts, ns, type, aggregate);
    for (const [name, command] of Object.entries(aggregate.commands ?? {})) {
      addAsk(parts, ns, type, name, command, COMMAND_OUTCOME, aggregate);
    }
    for (const [name, query] of Object.entries(aggregate.queries ?? {})) {
      const value = { description: query.text ?? "The query's answer." };
      const ok = { type: "object", properties: { value } };
      addAsk(parts, ns, type, name, { text: query.text ?? "" }, ok, {});
    }
  }
  return {
    asyncapi: "3.0.0",
    info: {
      title: model.name,
      version,
      ...(model.text === undefined ? {} : { description: model.text }),
    },
    defaultContentType: "application/json",
    channels: parts.channels,
    operations: parts.operations,
    components: { messages: parts.messages },
  };
}

interface Parts {
  readonly channels: Record<string, unknown>;
  readonly operations: Record<string, unknown>;
  readonly messages: Record<string, unknown>;
}

const KEY = {
  key: {
    description:
      "The actor's key as one token: every byte of its UTF-8 beside letters, digits, _ and - is =XX.",
  },
};

function addEvents(
  { channels, operations, messages }: Parts,
  namespace: string,
  type: string,
  aggregate: Aggregate,
): void {
  const events = Object.entries(aggregate.events ?? {});
  if (events.length === 0) return;
  const payloads: JsonSchema[] = [];
  const own: Record<string, unknown> = {};
  for (const [name, event] of events) {
    const payload = cloudEvent(namespace, name, event);
    payloads.push(payload);
    messages[`${type}.${name}`] = {
      name,
      title: `${type}.${name}`,
      contentType: ONE_EVENT,
      ...(event.text === undefined ? {} : { summary: event.text }),
      payload,
    };
    own[name] = ref("components", "messages", `${type}.${name}`);
  }
  const batch = `${type}.batch`;
  messages[batch] = {
    name: "batch",
    title: `several events of one ${type}, or none`,
    contentType: EVENT_BATCH,
    summary:
      "All events of one decision, in order; an empty list is a commit without events.",
    payload: { type: "array", items: { oneOf: payloads } },
  };
  own["batch"] = ref("components", "messages", batch);
  channels[type] = {
    address: `aether.bus.${namespace}.${type}.{key}`,
    title: type,
    ...(aggregate.text === undefined ? {} : { description: aggregate.text }),
    parameters: KEY,
    messages: own,
  };
  operations[`${type}.publish`] = {
    action: "send",
    channel: ref("channels", type),
    summary: `What happened to each ${type}, as it is stored.`,
    messages: Object.keys(own).map((name) =>
      ref("channels", type, "messages", name)
    ),
  };
}

function addAsk(
  { channels, operations, messages }: Parts,
  namespace: string,
  type: string,
  name: string,
  { text, fields, rejects = [] }: Command,
  ok: JsonSchema,
  aggregate: Aggregate,
): void {
  const id = `${type}.${name}`;
  messages[`${id}.request`] = {
    name,
    title: id,
    ...(text === undefined || text === "" ? {} : { summary: text }),
    payload: fields === undefined ? {} : schemaOf(fieldsOf(fields)),
  };
  messages[`${id}.reply`] = {
    name: `${name}.reply`,
    title: `what became of ${id}`,
    payload: {
      oneOf: [
        { type: "object", properties: { ok }, required: ["ok"] },
        failureSchema(rejects),
      ],
    },
  };
  channels[`${id}.request`] = {
    address: `aether.ask.${namespace}.${type}.{key}.${name}`,
    ...(aggregate.text === undefined ? {} : { description: aggregate.text }),
    parameters: KEY,
    messages: { request: ref("components", "messages", `${id}.request`) },
  };
  channels[`${id}.reply`] = {
    // The inbox that the request names.
    address: null,
    messages: { reply: ref("components", "messages", `${id}.reply`) },
  };
  operations[id] = {
    action: "receive",
    channel: ref("channels", `${id}.request`),
    messages: [ref("channels", `${id}.request`, "messages", "request")],
    reply: {
      channel: ref("channels", `${id}.reply`),
      messages: [ref("channels", `${id}.reply`, "messages", "reply")],
    },
  };
}

const COMMAND_OUTCOME: JsonSchema = {
  type: "object",
  properties: {
    version: { type: "integer", description: "The actor's version now." },
    events: { type: "array", items: { type: "object" } },
  },
  required: ["version", "events"],
};

function failureSchema(rejects: readonly string[]): JsonSchema {
  const reasons = rejects.length === 0
    ? ""
    : ` For "rejected", details.reason says why: ${rejects.join(", ")}.`;
  return {
    type: "object",
    description: `What the header Aether-Error tells, too.${reasons}`,
    properties: {
      code: { type: "string" },
      message: { type: "string" },
      retryable: { type: "boolean" },
      details: { type: "object" },
    },
    required: ["code", "message"],
  };
}

function cloudEvent(
  namespace: string,
  name: string,
  { fields }: DomainEvent,
): JsonSchema {
  return {
    type: "object",
    properties: {
      specversion: { const: "1.0" },
      id: { type: "string" },
      type: { const: name },
      source: { const: `/aether/${namespace}` },
      subject: { type: "string", description: "The actor's id." },
      time: { type: "string", format: "date-time" },
      actorversion: { type: "integer", minimum: 1 },
      commandid: { type: "string" },
      correlationid: { type: "string" },
      causationid: { type: "string" },
      traceparent: { type: "string" },
      actormetadata: { type: "string" },
      datacontenttype: { const: "application/json" },
      ...(fields === undefined ? {} : { data: schemaOf(fieldsOf(fields)) }),
    },
    required: [
      "specversion",
      "id",
      "type",
      "source",
      "subject",
      "time",
      "actorversion",
      ...(fields === undefined ? [] : ["data"]),
    ],
  };
}

/** A reference inside the document. */
function ref(...path: readonly string[]): { readonly $ref: string } {
  const escaped = path.map((part) =>
    part.replaceAll("~", "~0").replaceAll("/", "~1")
  );
  return { $ref: `#/${escaped.join("/")}` };
}
