/**
 * Another user of the cluster, without actors: jobs are hashed to shards, and each
 * is done by the one node that has its shard. A node leaves while jobs run, another
 * one comes: nothing is lost, nothing is done twice.
 *
 * Starts a nats-server of its own, unless it is given a URL.
 *
 *     deno run -A examples/06_job_runner.ts [nats://localhost:4222]
 *     bun examples/06_job_runner.ts [nats://localhost:4222]
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { connect, shardOf, ulid } from "@flowmade/aether";
import { ClusterManager } from "@flowmade/aether/cluster";
import { startNatsServer } from "../tools/nats_server.ts";

await using own = process.argv[2] === undefined
  ? await startNatsServer()
  : undefined;
const servers = own?.url ?? process.argv[2]!;
// On a server that stays: a cluster of its own for each run.
const cluster = `jobs-${ulid()}`;
const type = { namespace: cluster, type: "job" };

/** Does the jobs of the shards that it has. In life, a process of its own. */
class Runner {
  readonly done: string[] = [];
  readonly manager: ClusterManager;
  readonly #running = new Map<number, Set<Promise<void>>>();

  static async start(name: string): Promise<Runner> {
    const nc = await connect({ servers });
    const runner = new Runner(name, nc);
    await runner.manager.start();
    return runner;
  }

  private constructor(
    readonly name: string,
    readonly nc: Awaited<ReturnType<typeof connect>>,
  ) {
    this.manager = new ClusterManager(nc, name, {
      cluster,
      hosts: [type],
      // Another node takes a shard when what runs here is done.
      release: async ({ shard }) => {
        await Promise.all(this.#running.get(shard) ?? []);
      },
    });
    nc.subscribe(`${cluster}.do.${name}`, {
      callback: (_error, msg) => {
        this.#take(msg.string()).then((answer) => msg.respond(answer));
      },
    });
  }

  async leave(): Promise<void> {
    await this.manager.stop();
    await this.nc.close();
  }

  async #take(job: string): Promise<"done" | "moved"> {
    const shard = shardOf(job);
    if (this.manager.held(type, shard) === undefined) return "moved";
    const running = this.#running.get(shard) ?? new Set();
    this.#running.set(shard, running);
    const work = this.#work(job);
    running.add(work);
    await work;
    running.delete(work);
    return "done";
  }

  async #work(job: string): Promise<void> {
    await delay(5);
    this.done.push(job);
  }
}

const runners = await Promise.all(["east", "north", "west"].map(Runner.start));
const [east, north, west] = runners as [Runner, Runner, Runner];

// Whoever has jobs to give looks on, and so knows who has which shard.
const nc = await connect({ servers });
const onlooker = new ClusterManager(nc, "office", { cluster, observes: true });
await onlooker.start();

/** Has a job done by whoever has its shard, wherever that goes meanwhile. */
async function run(job: string): Promise<void> {
  for (;;) {
    const owner = onlooker.ownerOf(job);
    if (owner !== undefined) {
      try {
        const subject = `${cluster}.do.${owner.node}`;
        const answer = await nc.request(subject, job, { timeout: 5_000 });
        if (answer.string() === "done") return;
      } catch (error) {
        // Nobody listens there any more: nobody has begun it. Of a node that dies
        // in the middle nothing is known: its jobs belong in a store that compares.
        if (!isNobody(error)) throw error;
        onlooker.suspect(owner.node);
      }
    }
    await delay(10);
    await onlooker.refresh();
  }
}

function isNobody(error: unknown): boolean {
  const { cause } = error as { cause?: { name?: string } };
  return cause?.name === "NoRespondersError" || cause?.name === "NoResponders";
}

/** Has many done, sixteen at a time. */
async function runAll(jobs: readonly string[]): Promise<void> {
  const left = [...jobs];
  const lane = async () => {
    for (let job = left.shift(); job !== undefined; job = left.shift()) {
      await run(job);
    }
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

function report(when: string): void {
  const jobs = runners.flatMap((runner) => runner.done);
  const twice = jobs.length - new Set(jobs).size;
  console.log(`${when}: ${jobs.length} jobs are done, ${twice} of them twice`);
}

const jobs = Array.from({ length: 1_000 }, (_, index) => `job-${index}`);
await runAll(jobs.slice(0, 200));
report("three nodes");
const share = [east, north, west].every(({ done }) => done.length > 30);
console.log(`each has done its share: ${share}`);

const under = runAll(jobs.slice(200, 600));
await west.leave();
const byWest = west.done.length;
await under;
report("west has left meanwhile");
console.log(`west has done ${west.done.length - byWest} of them since`);

const more = runAll(jobs.slice(600, 800));
const south = await Runner.start("south");
runners.push(south);
await more;
await runAll(jobs.slice(800));
report("south has come meanwhile");
console.log(`south has done its share: ${south.done.length > 30}`);

await onlooker.stop();
await nc.close();
for (const runner of [east, north, south]) await runner.leave();
