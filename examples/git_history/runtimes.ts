/** Finds the programs that run workers: Deno and Bun. */
import process from "node:process";
import { DemoError } from "./errors.ts";
import { findBun } from "../../tools/bun_binary.ts";
import { which } from "../../tools/process.ts";

/** What runs TypeScript. */
export type Runtime = "deno" | "bun";

/** How a script is run. */
export interface RuntimeCommand {
  readonly runtime: Runtime;
  readonly program: string;
  readonly args: readonly string[];
}

/** The runtime of this process. */
export const ownRuntime: Runtime = "Bun" in globalThis ? "bun" : "deno";

/**
 * Finds a runtime: this process's own program, or one on PATH; Bun is fetched
 * from npm where there is none.
 *
 * @throws {DemoError} there is none; the message says what to do.
 */
export async function findRuntime(runtime: Runtime): Promise<RuntimeCommand> {
  const program = runtime === ownRuntime
    ? process.execPath
    : runtime === "bun"
    ? await findBun()
    : which(runtime);
  if (program === undefined) {
    throw new DemoError(
      `Cannot find ${runtime} on PATH: install it, or choose another --runtime`,
    );
  }
  return { runtime, program, args: runtime === "deno" ? ["run", "-A"] : [] };
}
