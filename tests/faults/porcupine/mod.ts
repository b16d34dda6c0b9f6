/**
 * A second opinion on a record: the linearizability checker porcupine, which knows
 * nothing of ours and searches for an order where ours takes that of the log.
 *
 * It sees what callers did and were told, and the ids in the log: I1, I3, I15, I4 as
 * far as events are concerned that are there twice, and nothing else.
 *
 * @example Where Go is installed
 * ```ts ignore
 * import { crossCheck } from "./porcupine/mod.ts";
 *
 * const { illegal, result } = await crossCheck(record);
 * if (result !== "Ok") console.log("not linearizable:", illegal);
 * ```
 *
 * @module
 */
import { spawn } from "node:child_process";
import type { RunRecord } from "../checker/mod.ts";
import { buildPorcupine } from "./build.ts";
import { operationsOf } from "./operations.ts";

export { hasGo } from "./build.ts";
export { type Operation, operationsOf } from "./operations.ts";

/** What the search has come to. */
export interface CrossCheck {
  /** `Unknown` where a minute was not enough. */
  readonly result: "Ok" | "Illegal" | "Unknown";
  readonly operations: number;
  readonly actors: number;
  /** Actors whose calls did not happen one after the other. */
  readonly illegal: readonly string[];
  /** Actors for which there was no time. */
  readonly unknown: readonly string[];
}

/**
 * Has a record judged by porcupine.
 *
 * The search remembers a set of calls for each call of an actor: its memory grows
 * with the square of what the busiest actor was asked. Of a very long run, give it
 * some actors.
 *
 * @param isWanted Which actors; all by default.
 * @throws Where Go is missing, or the program cannot be built.
 */
export async function crossCheck(
  record: RunRecord,
  isWanted?: (actorId: string) => boolean,
): Promise<CrossCheck> {
  const program = await buildPorcupine();
  const lines = operationsOf(record, isWanted).map((operation) =>
    JSON.stringify(operation) + "\n"
  );
  return JSON.parse(await judged(program, lines)) as CrossCheck;
}

/** What the program prints of a history. */
function judged(program: string, lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [], { stdio: ["pipe", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (data: Uint8Array) => output += String(data));
    child.on("error", reject);
    // A program that has ended takes nothing more; why, its code says.
    child.stdin.on("error", () => {});
    child.on("close", (code: number | null) => {
      if (code === 0) resolve(output);
      else reject(new Error(`porcupine ended with code ${code}: ${output}`));
    });
    child.stdin.end(lines.join(""));
  });
}
