/** What a run was made on and with. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { arch, cpus, release, totalmem, type } from "node:os";
import process from "node:process";
import { findBun } from "../../../tools/bun_binary.ts";
import { findNatsServer } from "../../../tools/nats_binary.ts";

/** Machine and versions. */
export interface Surroundings {
  readonly machine: string;
  readonly system: string;
  readonly deno: string;
  readonly bun: string;
  readonly natsServer: string;
  readonly natsClient: string;
  readonly revision: string;
  readonly date: string;
  /** How to repeat the run. */
  readonly command: string;
}

/** Looks around. */
export async function surroundings(command: string): Promise<Surroundings> {
  const [cpu] = cpus();
  return {
    machine: `${cpus().length} × ${cpu?.model.trim() ?? "unknown"}, ${
      Math.round(totalmem() / 2 ** 30)
    } GiB of memory`,
    system: `${type()} ${release()} ${arch()}`,
    deno: told(process.execPath, ["--version"]).split(" ")[1] ?? "unknown",
    bun: told(await findBun(), ["--version"]),
    natsServer: told(await findNatsServer(), ["--version"])
      .replace(/^.*v/, ""),
    natsClient: versionOf("@nats-io/nats-core"),
    revision: told("git", ["rev-parse", "--short", "HEAD"]),
    date: new Date().toISOString().slice(0, 16).replace("T", " ") + " UTC",
    command,
  };
}

function told(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8" }).split("\n")[0]!
      .trim();
  } catch {
    return "unknown";
  }
}

function versionOf(name: string): string {
  const path = new URL(
    `../../../node_modules/${name}/package.json`,
    import.meta.url,
  );
  try {
    const { version } = JSON.parse(readFileSync(path, "utf8"));
    return `${name} ${version}`;
  } catch {
    return name;
  }
}
