/**
 * The `nats` CLI: built of its source, as nothing else that fetches it may be here.
 * That takes minutes, so it is for the night.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { run, which } from "../../tools/process.ts";

const SOURCE = "github.com/nats-io/natscli/nats@v0.5.1";

/** The program, and a folder for what it writes. */
export class NatsCli implements Disposable {
  /** Where backups go. */
  readonly folder: string = mkdtempSync(join(tmpdir(), "aether-nats-cli-"));
  #program = join(this.folder, "nats");

  /** Builds it, unless `NATS_CLI` says where it is; the reason why it cannot be here. */
  static async build(): Promise<NatsCli | string> {
    const cli = new NatsCli();
    const { NATS_CLI: built } = process.env;
    if (built !== undefined) {
      cli.#program = built;
      return cli;
    }
    const go = which("go");
    if (go === undefined) {
      cli[Symbol.dispose]();
      return "the nats CLI is built by go, and there is none on PATH";
    }
    const { code, output } = await run(go, ["install", SOURCE], {
      env: { ...process.env, GOBIN: cli.folder, CGO_ENABLED: "0" },
    });
    if (code === 0) return cli;
    cli[Symbol.dispose]();
    return `the nats CLI cannot be built here: ${output}`;
  }

  /** Runs a command of it against a server. */
  async run(url: string, ...args: readonly string[]): Promise<string> {
    const { code, output } = await run(this.#program, ["-s", url, ...args], {});
    assert.equal(code, 0, `nats ${args.join(" ")}:\n${output}`);
    return output;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
