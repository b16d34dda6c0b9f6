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
  for (const name of Object.values(streamNames(namespace))) {
    await api.deleteStream(name, new Deadline(systemClock, 10_000));
  }
  await link.close();
}
