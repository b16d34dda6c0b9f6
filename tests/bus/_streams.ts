/** Taking the streams of a namespace away, those of the bus included. */
import { streamNames, systemClock } from "../../event/mod.ts";
import {
  type Connection,
  Deadline,
  JetStreamApi,
  Link,
} from "../../nats/mod.ts";

/** Deletes all streams of a namespace. */
export async function destroyAll(
  nc: Connection,
  namespace: string,
): Promise<void> {
  const link = new Link(nc);
  const api = new JetStreamApi(link);
  const { events, snapshots } = streamNames(namespace);
  for (const name of [events, snapshots, events.replace("=EV=", "=SUB=")]) {
    await api.deleteStream(name, new Deadline(systemClock, 10_000));
  }
  await link.close();
}
