/**
 * What an administrator, a restore from backup or another program can do to the
 * streams of a namespace, done to them by the client's own API.
 */
import {
  jetstreamManager,
  RetentionPolicy,
  type StreamConfig,
} from "@nats-io/jetstream";
import { headers as makeHeaders } from "@nats-io/nats-core";
import assert from "node:assert/strict";
import { parseActorId, streamNames, subjectsOf } from "../../event/mod.ts";
import type { connect } from "../../nats/mod.ts";
import type { StoreFaults } from "../../testing/mod.ts";
import { eventually } from "../support/mod.ts";

type Nats = Parameters<typeof jetstreamManager>[0];
type StoredHeaders = Readonly<Record<string, string>>;

/** Faults for the contract suite, over a connection of their own. */
export function jetStreamFaults(
  connection: () => Awaited<ReturnType<typeof connect>>,
): StoreFaults {
  const nats = () => connection() as unknown as Nats;

  async function publish(
    subject: string,
    body: Uint8Array,
    given: StoredHeaders,
  ) {
    const headers = makeHeaders();
    for (const [name, value] of Object.entries(given)) {
      if (value !== "") headers.set(name, value);
    }
    // A stream that was made just now may not be known to each server yet.
    const answer = await eventually(() =>
      nats().request(subject, body, { headers, timeout: 5_000 })
    );
    const ack = answer.json() as {
      readonly seq?: number;
      readonly error?: unknown;
    };
    assert.equal(ack.error, undefined);
    return ack.seq!;
  }

  return {
    async writeRaw(namespace, actorId, headers, body, contentType) {
      const subject = subjectsOf(namespace).event(parseActorId(actorId));
      await publish(subject, body, { ...headers, "content-type": contentType });
    },

    async writeSnapshot(namespace, actorId, body) {
      await publish(
        subjectsOf(namespace).snapshot(parseActorId(actorId)),
        body,
        {},
      );
    },

    async recreate(namespace) {
      const { streams } = await jetstreamManager(nats());
      const { events } = streamNames(namespace);
      const { config } = await streams.info(events);
      await streams.delete(events);
      await streams.add({ ...config, retention: RetentionPolicy.Limits });
    },

    // The stream allows no deletion, so it is made anew, message by message,
    // without that rule, which comes back behind the deletion.
    async deleteCommit(namespace, sequence) {
      const { streams } = await jetstreamManager(nats());
      const { events } = streamNames(namespace);
      const { config, state } = await streams.info(events);
      const messages = [];
      for (let seq = 1; seq <= state.last_seq; seq++) {
        const message = await streams.getMessage(events, { seq });
        assert.ok(message, `no message at ${seq}`);
        messages.push(message);
      }
      await streams.delete(events);
      const lax = {
        ...config,
        retention: RetentionPolicy.Limits,
        deny_delete: false,
      };
      await streams.add(lax as StreamConfig);
      for (const message of messages) {
        const kept = [...message.header.keys()]
          .filter((name) => !name.startsWith("Nats-Batch-"))
          .map((name) => [name, message.header.get(name)]);
        const stored = await publish(
          message.subject,
          message.data,
          Object.fromEntries(kept),
        );
        assert.equal(stored, message.seq);
      }
      assert.ok(await streams.deleteMessage(events, sequence));
      await streams.update(
        events,
        { deny_delete: true } as Partial<StreamConfig>,
      );
    },
  };
}
