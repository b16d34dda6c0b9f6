/**
 * Machines that can be cut off from one another: network namespaces on a bridge,
 * each with an address of its own. This process sits on the bridge and reaches
 * all of them, whatever is cut between them.
 *
 * Needs root and `ip`. A small shell process removes everything as soon as the
 * pipe to it is closed, which happens however this process ends.
 */
import {
  type ChildProcess,
  execFile,
  spawn,
  spawnSync,
} from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import { which } from "../../../tools/process.ts";

const run = promisify(execFile);
const PREFIX = "aether-net-";

/** Ends what runs on the machines and removes them, once its standard input is closed. */
const REMOVER = `
trap '' INT TERM HUP
while read -r line; do :; done
for name in $(ip netns list | cut -d' ' -f1 | grep "^$1-"); do
  ip netns pids "$name" | xargs -r kill -9
  ip netns delete "$name"
done
for link in $(ip -brief link | sed 's/[@ ].*//' | grep -E "^ae[bv]$2(-|$)"); do
  ip link delete "$link" 2>/dev/null # or gone already, with its other end
done
true
`;

/** One machine. */
export interface Machine {
  /** Its address. */
  readonly address: string;
  /** What runs a program on it: put it before the program's own name. */
  readonly inside: readonly string[];
}

/** Machines on one bridge. */
export class Network implements AsyncDisposable {
  /** The machines, in order. */
  readonly machines: readonly Machine[];
  readonly #name = `${PREFIX}${process.pid}`;
  readonly #bridge = `aeb${process.pid}`;
  readonly #subnet: string;
  readonly #remover: ChildProcess;
  #cuts: [namespace: string, address: string][] = [];

  private constructor(count: number, subnet: string) {
    this.#subnet = subnet;
    this.#remover = spawn(
      "sh",
      ["-c", REMOVER, "aether-net-remover", this.#name, String(process.pid)],
      { stdio: ["pipe", "ignore", "inherit"], detached: true },
    );
    this.#remover.stdin!.on("error", () => {});
    this.machines = Array.from({ length: count }, (_, i) => ({
      address: `${subnet}.${i + 1}`,
      inside: ["ip", "netns", "exec", this.#namespace(i)],
    }));
  }

  /** Why there can be no such network here; undefined where there can. */
  static missing(): string | undefined {
    if (process.getuid?.() !== 0) return "it needs root";
    if (which("ip") === undefined) return "there is no ip on PATH";
    // In a container root may be without the right to do it.
    const probe = `${PREFIX}${process.pid}-probe`;
    const { status, stderr } = spawnSync("ip", ["netns", "add", probe]);
    if (status !== 0) return `ip cannot make a namespace: ${stderr}`.trim();
    spawnSync("ip", ["netns", "delete", probe]);
    return undefined;
  }

  /** Sets it up; nothing is left where that fails. */
  static async open(count: number): Promise<Network> {
    const subnet = `10.213.${process.pid % 250}`;
    const network = new Network(count, subnet);
    try {
      await network.#setUp();
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Cuts one machine off from all the others, both ways, until {@link Network.heal}. */
  async cut(alone: number): Promise<void> {
    for (const [i, { address }] of this.machines.entries()) {
      if (i === alone) continue;
      this.#cuts.push(
        [this.#namespace(alone), address],
        [this.#namespace(i), this.machines[alone]!.address],
      );
    }
    await Promise.all(
      this.#cuts.map(([namespace, address]) =>
        ip("-n", namespace, "route", "add", "blackhole", `${address}/32`)
      ),
    );
  }

  /** Joins what was cut. */
  async heal(): Promise<void> {
    await Promise.all(
      this.#cuts.splice(0).map(([namespace, address]) =>
        ip("-n", namespace, "route", "delete", "blackhole", `${address}/32`)
      ),
    );
  }

  /** Ends what still runs on the machines, and removes them. */
  async [Symbol.asyncDispose](): Promise<void> {
    const removed = new Promise((resolve) =>
      this.#remover.once("close", resolve)
    );
    this.#remover.stdin!.end();
    await removed;
  }

  async #setUp(): Promise<void> {
    const bridge = this.#bridge;
    await ip("link", "add", bridge, "type", "bridge");
    await ip("address", "add", `${this.#subnet}.254/24`, "dev", bridge);
    await ip("link", "set", bridge, "up");
    for (const [i, { address }] of this.machines.entries()) {
      const namespace = this.#namespace(i);
      const here = `aev${process.pid}-${i}`;
      await ip("netns", "add", namespace);
      await ip(
        ...["link", "add", here, "type", "veth"],
        ...["peer", "name", "eth0", "netns", namespace],
      );
      await ip("link", "set", here, "master", bridge, "up");
      await ip("-n", namespace, "link", "set", "lo", "up");
      await ip(
        "-n",
        namespace,
        "address",
        "add",
        `${address}/24`,
        "dev",
        "eth0",
      );
      await ip("-n", namespace, "link", "set", "eth0", "up");
    }
  }

  #namespace(i: number): string {
    return `${this.#name}-${i}`;
  }
}

async function ip(...args: string[]): Promise<string> {
  const { stdout } = await run("ip", args);
  return stdout;
}
