import { streamNames } from "../../../../event/mod.ts";
import { connect, type Connection } from "../../../../nats/mod.ts";
import {
  destroyNamespace,
  JetStreamEventStore,
} from "../../../../store/mod.ts";
import { uniqueNamespace } from "../../../support/mod.ts";
import type { Fault } from "../fault.ts";
import { codeOf, Findings } from "./_findings.ts";

/** Longest key there may be. */
const KEY = 128;
/** How a stream is told that takes no more: by its server alone, or by one that may lead no more. */
const FULL = new Set(["store_unavailable", "outcome_unknown"]);

/** More than is allowed, in a namespace of its own on the world's servers. */
export const f14: Fault = {
  id: "F14",
  title: "what is sent is over a limit",
  replicas: [1, 3],
  takes: 4_000,
  quick: true,
  async inject(world) {
    const found = new Findings();
    const namespace = uniqueNamespace("limits");
    const nc = await connect({ servers: [...world.servers.urls] });
    const downs = countDowns(nc);
    const store = await JetStreamEventStore.open(nc, {
      namespace,
      replicas: world.replicas,
    });
    try {
      const append = (
        actorId: string,
        data: unknown = 1,
        timeout: number = 5_000,
      ) => store.append(actorId, [{ eventType: "Made", data }], { timeout });
      /** Refused with this code, and nothing has left this process. */
      const refused = async (
        what: string,
        code: string,
        call: () => Promise<unknown>,
      ) => {
        const sent = nc.stats().outMsgs;
        const got = await call().then(() => "done", codeOf);
        found.promised(got === code, `${what} was told as "${got}"`);
        const more = nc.stats().outMsgs - sent;
        found.promised(more === 0, `${what}: ${more} messages were sent`);
      };
      await append("limit-1");
      const large = (nc.info?.max_payload ?? 1_048_576) + 1;
      await refused(
        "a message over max_payload",
        "payload_too_large",
        () => append("limit-1", "x".repeat(large)),
      );
      await refused(
        "a key that is too long",
        "invalid_argument",
        () => append(`limit-${"k".repeat(KEY + 1)}`),
      );
      // Encoded, each of these takes twelve bytes of the subject.
      await refused(
        "a subject over 4 KiB",
        "invalid_argument",
        () => append(`limit-${"\u{1F4A5}".repeat(400)}`),
      );
      await found.proved(
        "the longest key",
        () => append(`limit-${"k".repeat(KEY)}`),
      );

      await fillUp(nc, streamNames(namespace).events, async () => {
        const code = await append("limit-1", "x".repeat(100_000), 1_000)
          .then(() => "done", codeOf);
        found.promised(FULL.has(code), `a full stream was told as "${code}"`);
      });
      const { version } = await append("limit-1");
      const log = await store.getEvents("limit-1");
      found.promised(
        version === log.length && log.every((e, i) => e.version === i + 1),
        `after all that was refused the version is ${version}, of ${log.length} events`,
      );
      found.promised(downs.count === 0, "the connection was closed");
    } finally {
      downs.stop();
      await store.close();
      await destroyNamespace(nc, namespace, { confirm: namespace });
      await nc.close();
    }
    return found;
  },
};

/** Lets a stream have no more bytes than it has, and then as many as before. */
async function fillUp(
  nc: Connection,
  stream: string,
  during: () => Promise<void>,
): Promise<void> {
  const api = async (what: string, body: unknown = "") => {
    const answer = await nc.request(
      `$JS.API.STREAM.${what}.${stream}`,
      body === "" ? "" : JSON.stringify(body),
      { timeout: 5_000 },
    );
    return answer.json() as StreamInfo;
  };
  const { config, state } = await api("INFO");
  await api("UPDATE", { ...config, max_bytes: state.bytes + 1_000 });
  try {
    await during();
  } finally {
    await api("UPDATE", config);
  }
}

interface StreamInfo {
  readonly config: Readonly<Record<string, unknown>>;
  readonly state: { readonly bytes: number };
}

/** Counts how often a connection goes down. */
function countDowns(nc: Connection): { count: number; stop(): void } {
  const status = nc.status();
  const downs = {
    count: 0,
    stop: () => (status as unknown as { stop(): void }).stop(),
  };
  (async () => {
    for await (const { type } of status) {
      if (type === "disconnect") downs.count++;
    }
  })().catch(() => {});
  return downs;
}
