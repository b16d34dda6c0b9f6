/** A store's parts put together by hand, so that a test can stand in for one of them. */
import {
  cloudEventsCodec,
  streamNames,
  subjectsOf,
  systemClock,
} from "../../event/mod.ts";
import { type Connection, Link } from "../../nats/mod.ts";
import { JetStreamApi } from "../../store/_api.ts";
import type { Context } from "../../store/_context.ts";
import { PositionCache } from "../../store/_positions.ts";

/** A context as the store makes it; `api` is handed to both kinds of reading. */
export function contextOf(
  nc: Connection,
  namespace: string,
  wrap: (api: JetStreamApi) => JetStreamApi = (api) => api,
): Context {
  const link = new Link(nc);
  const api = wrap(new JetStreamApi(link));
  const { events, snapshots } = streamNames(namespace);
  return {
    api,
    bulk: api,
    link,
    clock: systemClock,
    codec: cloudEventsCodec,
    subjects: subjectsOf(namespace),
    namespace,
    eventStream: events,
    snapshotStream: snapshots,
    positions: new PositionCache(100),
    stats: {
      appended: 0,
      conflicts: 0,
      resent: 0,
      settled: 0,
      unknown: 0,
      staleReads: 0,
      snapshotsTooLarge: 0,
      snapshotsIgnored: 0,
    },
  };
}
