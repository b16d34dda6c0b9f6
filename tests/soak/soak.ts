/** A soak: nodes that work hard for a long time, and what they hold meanwhile. */
import { setTimeout as delay } from "node:timers/promises";
import { Aether, streamNames } from "../../mod.ts";
import { programsOf } from "../faults/fleet/process.ts";
import { type NatsServers, seeded, startNatsServer } from "../support/mod.ts";
import { COINS, Driver, WALLETS } from "./drive.ts";
import { Treasury, Wallet } from "./actors.ts";
import { type SoakNode, startSoakNode } from "./nodes.ts";
import { growth, judge, type Outcome, runtimeVersion } from "./report.ts";
import { REMEMBERED, Watch } from "./watch.ts";

/** How long and how hard. */
export interface SoakOptions {
  /** 20 by default. */
  readonly minutes?: number;
  /** Of the top speed; 0.7 by default. */
  readonly share?: number;
  readonly seed?: number | undefined;
  /** Seconds between readings; 5 by default. */
  readonly every?: number;
  /** Seconds from which on heaps have to stand still; 11 minutes by default. */
  readonly warmUp?: number;
  /** Numbers that the first node leaks with each reading; none by default. */
  readonly leak?: number;
  /** Told what is being done. */
  readonly log?: (line: string) => void;
}

const NODES = 3;
/** Few enough that actors have to leave memory all the time. */
const MAX_ACTIVATIONS = 1_500;
const TOP_SPEED_SECONDS = 20;
const NAMESPACE = "soak";
/** Messages of an inbox in which nothing waits: marks of nodes. */
const AT_REST = 20;

/** Runs a soak; what it finds is in the outcome. */
export async function soak(options: SoakOptions = {}): Promise<Outcome> {
  const { every = 5, log = () => {}, minutes = 20, share = 0.7 } = options;
  const random = seeded(options.seed);
  const problems: string[] = [];
  await using servers = await startNatsServer();
  const programs = await programsOf("mixed");
  const nodes: SoakNode[] = [];
  let isOver = false;
  try {
    const name = { url: servers.url, namespace: NAMESPACE };
    for (let i = 0; i < NODES; i++) {
      const node = await startSoakNode(
        `n${i + 1}`,
        programs[i % programs.length]!,
        {
          ...name,
          maxActivations: MAX_ACTIVATIONS,
          leak: i === 0 ? options.leak : undefined,
        },
      );
      nodes.push(node);
      node.ended.then((how) => {
        if (!isOver) problems.push(`node ${node.name} ended: ${how}`);
      });
    }
    await using aether = await Aether.start({
      servers: servers.url,
      namespace: NAMESPACE,
      nodeId: "caller",
      actors: [],
    });
    const driver = new Driver(aether, random);
    await driver.begin();
    const topSpeed = await topSpeedOf(driver, servers);
    log(`top speed: ${topSpeed.toFixed(0)} calls/s`);

    const end = AbortSignal.timeout(60_000 * minutes);
    const watch = new Watch(nodes, servers, options.warmUp ?? REMEMBERED);
    const { made } = driver.calls;
    const visits = driver.visit(end);
    const calls = driver.steadily(share * topSpeed, end);
    while (!end.aborted) {
      await watch.look();
      log(lineOf(watch));
      await delay(1_000 * every, undefined, { signal: end }).catch(() => {});
    }
    const rate = (driver.calls.made - made) / (60 * minutes);
    await Promise.all([calls, visits]);
    problems.push(...growth(judge([...watch.series.values()])));
    for (const [code, times] of driver.calls.failed) {
      problems.push(`${times} calls failed: ${code}`);
    }
    if (rate < 0.95 * share * topSpeed) {
      problems.push(`only ${rate.toFixed(0)} calls/s were made`);
    }
    problems.push(...await countCoins(aether, servers));
    isOver = true;
    return {
      minutes,
      seed: random.seed,
      topSpeed,
      share,
      rate,
      calls: driver.calls,
      series: [...watch.series.values()],
      problems,
      versions: runtimeVersion(),
    };
  } finally {
    isOver = true;
    for (const node of nodes) node.kill();
    await Promise.all(nodes.map(({ ended }) => ended));
  }
}

/**
 * Calls a second that can go on for ever: what they have led to, commands that were
 * sent and timers, is done with when the time is up.
 */
async function topSpeedOf(
  driver: Driver,
  servers: NatsServers,
): Promise<number> {
  const began = performance.now();
  const made = await driver.fast(TOP_SPEED_SECONDS);
  while (await waitingIn(servers) > AT_REST) await delay(100);
  return made / (performance.now() - began) * 1_000;
}

/** Messages in the inbox: commands that wait, alarms, and a few marks. */
async function waitingIn({ servers }: NatsServers): Promise<number> {
  const url = `${servers[0]!.monitorUrl}/jsz?accounts=true&streams=true`;
  const { account_details } = await (await fetch(url)).json() as {
    account_details: {
      stream_detail: { name: string; state: { messages: number } }[];
    }[];
  };
  const inbox = account_details.flatMap(({ stream_detail }) => stream_detail)
    .find(({ name }) => name === streamNames(NAMESPACE).inbox);
  return inbox?.state.messages ?? 0;
}

/** Coins are neither made nor lost, once all that is under way has arrived. */
async function countCoins(
  aether: Aether,
  servers: NatsServers,
): Promise<string[]> {
  const due = WALLETS * COINS;
  const treasury = aether.projection(Treasury);
  const until = performance.now() + 60_000;
  for (;;) {
    await treasury.caughtUpTo(undefined, { timeout: 60_000 });
    const { coins } = await treasury.get();
    let held = 0;
    for (let i = 0; i < WALLETS; i++) {
      held += await aether.actor(Wallet, `w${i}`).coins(undefined, {
        consistency: "linear",
      });
    }
    if (coins === due && held === due) return [];
    if (performance.now() > until) {
      const parked = (await aether.parked().list()).map((
        { because, command, reason },
      ) => `"${command.command}" (${because}: ${reason})`);
      const waiting = await waitingIn(servers);
      return [
        `of ${due} coins wallets hold ${held}, the projection ${coins}; the inbox has ${waiting} messages`,
        ...parked.slice(0, 10).map((what) => `parked: ${what}`),
      ];
    }
    await delay(1_000);
  }
}

function lineOf({ at, series }: Watch): string {
  const values = [...series.values()].filter(({ name }) =>
    /heap|consumers|subscriptions|descriptors/.test(name)
  ).map(({ readings }) => readings.at(-1)!.value.toFixed(0));
  return `${at.toFixed(0)} s: ${values.join(" ")}`;
}
