/** The client in Go: built once, run as a process that makes one call after the other. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { run } from "../../tools/process.ts";

const SOURCE = fileURLToPath(new URL("./go_client", import.meta.url));

/** A call for it to make. */
export interface GoCall {
  readonly type?: string;
  readonly key?: string;
  /** The key as it is to stand in the subject; made of the key by default. */
  readonly token?: string;
  readonly command: string;
  /** JSON text. */
  readonly input?: string;
  readonly headers?: Record<string, string>;
  /** Milliseconds it waits. */
  readonly wait?: number;
}

/** What came of a call. */
export interface GoResult {
  readonly subject: string;
  /** The header `Aether-Error`. */
  readonly error?: string;
  // deno-lint-ignore no-explicit-any
  readonly body?: any;
  /** Why there is no reply. */
  readonly failure?: string;
}

/** The built program. */
export class GoClient implements Disposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Builds it; the reason why it cannot be built here where that is no fault of ours. */
  static async build(go: string): Promise<GoClient | string> {
    const folder = mkdtempSync(join(tmpdir(), "aether-go-client-"));
    const program = join(folder, "client");
    const { code, output } = await run(
      go,
      ["build", "-buildvcs=false", "-o", program, "."],
      // As nats-server is built, so that what the two share is built once.
      { cwd: SOURCE, env: { ...process.env, CGO_ENABLED: "0" } },
    );
    if (code === 0) return new GoClient(folder);
    rmSync(folder, { recursive: true });
    if (OFFLINE.test(output)) return `go cannot fetch what it needs: ${output}`;
    throw new Error(`the client in Go cannot be built:\n${output}`);
  }

  /** Starts it on a namespace. */
  start(url: string, namespace: string): GoSession {
    return new GoSession(join(this.#folder, "client"), [url, namespace]);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

/** A running client. */
export class GoSession implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, [...args], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#lines = createInterface({ input: this.#child.stdout! })
      [Symbol.asyncIterator]();
  }

  /** Makes a call; one at a time. */
  async ask(call: GoCall): Promise<GoResult> {
    const line = JSON.stringify({ type: "account", key: "ada", ...call });
    this.#child.stdin!.write(line + "\n");
    const { done, value } = await this.#lines.next();
    assert.ok(!done, "the client in Go has ended");
    return JSON.parse(value) as GoResult;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin!.end();
    assert.equal(await this.#ended, 0);
  }
}

const OFFLINE =
  /dial tcp|no such host|connection re|i\/o timeout|TLS handshake|proxyconnect|GOPROXY=off|requires go >=/;
