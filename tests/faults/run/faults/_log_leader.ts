/** Which of the servers leads the log. */
import type { NatsServerProcess } from "../../../support/mod.ts";
import { connect } from "../../../../nats/mod.ts";
import { leaderOf } from "../../_cluster.ts";
import type { World } from "../fault.ts";

/** The server that leads the log of events. */
export async function logLeader(world: World): Promise<NatsServerProcess> {
  const nc = await connect({ servers: [...world.servers.urls] });
  try {
    return await leaderOf(world.servers, nc, world.namespace);
  } finally {
    await nc.close();
  }
}
