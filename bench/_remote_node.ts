import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runtime } from "./_runtime.ts";

/** Starts a node in a process of its own, under this runtime; returns how to end it. */
export async function startRemoteNode(
  url: string,
  namespace: string,
): Promise<() => Promise<void>> {
  const script = fileURLToPath(new URL("./_node.ts", import.meta.url));
  const run = runtime === "deno" ? ["run", "-A"] : [];
  const child = spawn(process.execPath, [...run, script, url, namespace], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  const ready = new Promise<void>((resolve) => {
    child.stdout.once("data", () => resolve());
  });
  const early = ended.then(() => {
    throw new Error("The node in the other process has ended before its time");
  });
  early.catch(() => {});
  await Promise.race([ready, early]);
  return async () => {
    child.stdin.end();
    await ended;
  };
}
