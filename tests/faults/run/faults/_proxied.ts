/** A node that reaches NATS through a proxy for a while. */
import {
  type Random,
  startTcpProxy,
  type TcpProxy,
} from "../../../support/mod.ts";
import type { FleetNode } from "../../fleet/process.ts";
import type { World } from "../fault.ts";

/**
 * Lets a node reach NATS through a proxy while it is hurt, and straight again
 * afterwards, whatever comes of it.
 */
export async function proxied(
  world: World,
  random: Random,
  name: string,
  hurt: (proxy: TcpProxy, node: FleetNode) => Promise<void>,
): Promise<void> {
  const proxy = await startTcpProxy({
    target: random.pick(world.servers.urls),
  });
  try {
    const node = await world.restartNode(name, { through: proxy });
    await world.settled();
    await hurt(proxy, node);
  } finally {
    mend(proxy);
    await (world.nodes.has(name)
      ? world.restartNode(name)
      : world.startNode(name));
    await proxy.close();
  }
  await world.settled();
}

/** Lets everything pass at once. */
export function mend(proxy: TcpProxy): void {
  proxy.refuse(false);
  proxy.delay({});
  proxy.bandwidth();
  proxy.halfOpen(false);
}
