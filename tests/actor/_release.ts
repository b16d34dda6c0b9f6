import { SHARDS } from "../../event/mod.ts";
import type { Host } from "../../actor/_host.ts";

/** Lets go of all actors of a host, as if all its shards moved. */
export async function releaseAll(host: Host): Promise<void> {
  const leaving: Promise<void>[] = [];
  for (const type of host.definitions.keys()) {
    for (let shard = 0; shard < SHARDS; shard++) {
      leaving.push(host.releaseShard(type, shard));
    }
  }
  await Promise.all(leaving);
}
