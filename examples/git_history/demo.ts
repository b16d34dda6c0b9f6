/** The two ways to run the demo: over three processes, or in this one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Aether } from "@flowmade/aether";
import { findNatsServer } from "../../tools/nats_binary.ts";
import { startNatsServer } from "../../tools/nats_server.ts";
import { ClusterWatch } from "./cluster_watch.ts";
import { DemoError } from "./errors.ts";
import { File } from "./file_actor.ts";
import { everyPath, readHead } from "./head.ts";
import { type Acknowledged, LedgerWriter } from "./ledger.ts";
import type { DemoOptions } from "./options.ts";
import { proveApart, startWorker, type Worker } from "./processes.ts";
import { prove, type Verdict } from "./proof.ts";
import {
  describeBusiest,
  describeRun,
  describeVerdict,
  type RunFigures,
} from "./report.ts";
import type { Repository } from "./repository.ts";
import { findRuntime } from "./runtimes.ts";
import { feedHistory } from "./run.ts";

const NAMESPACE = "demo";

/** Everything in this process, on the store in memory. */
export async function runEmbedded(
  repository: Repository,
  options: DemoOptions,
): Promise<boolean> {
  const { git, target } = repository;
  console.log(
    "Embedded    one process, events in memory: no worker to kill, no server\n",
  );
  await using aether = await Aether.start({
    namespace: NAMESPACE,
    actors: [File],
  });
  const acknowledged: Acknowledged[] = [];
  const run = await feedHistory(aether, {
    repository,
    window: options.window,
    progress: true,
    onAnswer: ({ key, commandId }, { events }) =>
      acknowledged.push({
        key,
        commandId,
        events: events.map(({ version, id }) => [version, id]),
      }),
  });
  const verdict = await prove({
    events: aether.store.read(),
    acknowledged: async function* () {
      yield* acknowledged;
    }(),
    head: readHead(git, target!),
    everyPath: await everyPath(git, target!),
  });
  return tell("Proof, from the events in the store", verdict, run, options);
}

/** A server of its own, three workers, one of which dies, and a process for the proof. */
export async function runOnCluster(
  repository: Repository,
  options: DemoOptions,
): Promise<boolean> {
  const { git, target } = repository;
  const commands = await Promise.all(options.workers.map(findRuntime));
  try {
    await findNatsServer();
  } catch (error) {
    throw new DemoError(
      `${
        (error as Error).message
      }\nNo nats-server can be had: run the demo with --embedded, which needs none.`,
      { cause: error },
    );
  }
  await using nats = await startNatsServer();
  const folder = mkdtempSync(join(tmpdir(), "aether-demo-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  const workers: Worker[] = [];
  try {
    // The first creates the namespace, the others find it.
    for (const [index, command] of commands.entries()) {
      workers.push(
        await startWorker(command, nats.url, NAMESPACE, `w${index + 1}`),
      );
    }
    console.log(`Server      ${nats.url}`);
    console.log(`Workers     ${workers.map(describe).join(", ")}\n`);
    const ledger = join(folder, "acknowledged.jsonl");
    const run = await feed(repository, options, nats.url, workers, ledger);
    const { verdict, pid } = await proveApart(commands[0]!, [
      nats.url,
      NAMESPACE,
      git.folder,
      target!,
      ledger,
    ]);
    const by = `a fresh process (${commands[0]!.runtime} ${pid})`;
    return tell(
      `Proof, by ${by}, from the events in the log`,
      verdict,
      run,
      options,
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.leave()));
    remove();
  }
}

async function feed(
  repository: Repository,
  { window }: DemoOptions,
  url: string,
  workers: readonly Worker[],
  ledgerPath: string,
): Promise<RunFigures> {
  using ledger = new LedgerWriter(ledgerPath);
  await using aether = await Aether.start({
    servers: url,
    namespace: NAMESPACE,
    actors: [],
  });
  const watch = new ClusterWatch(aether.cluster!, File.type);
  await watch.shared(workers.map(({ name }) => name));
  console.log(`Cluster     ${watch.describe()}\n`);
  const figures = await feedHistory(aether, {
    repository,
    window,
    progress: true,
    onAnswer: (step, answer) => ledger.add(step, answer),
    async halfWay() {
      const victim = workers[1]!;
      await watch.settled();
      watch.kills(victim.name);
      victim.kill();
      return describe(victim);
    },
  });
  console.log(`\nCluster     ${watch.describe()}`);
  const { takeover } = watch;
  return takeover === undefined ? figures : { ...figures, takeover };
}

function describe({ name, runtime, pid }: Worker): string {
  return `${name} (${runtime} ${pid})`;
}

function tell(
  title: string,
  verdict: Verdict,
  run: RunFigures,
  { all }: DemoOptions,
): boolean {
  console.log(`\n${title}\n${describeVerdict(verdict, all)}`);
  console.log(`\n${describeBusiest(verdict)}\n\n${describeRun(run)}`);
  return verdict.proven && run.failures.length === 0;
}
