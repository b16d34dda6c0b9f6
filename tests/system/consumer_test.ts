/**
 * A project of somebody else's, in an empty folder: it takes the package as its
 * users do, and runs the first example of the README.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { isDeno } from "../support/mod.ts";

const checkout = fileURLToPath(new URL("../..", import.meta.url));

describe("a consumer's project", () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "aether-consumer-"));
    await writeFile(join(folder, "main.ts"), await firstExample());
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("runs the README's first example", { timeout: 120_000 }, async () => {
    if (isDeno) await setUpDeno();
    else await setUpBun();
    const args = isDeno
      ? ["run", "-A", "--no-prompt", "main.ts"]
      : ["run", "main.ts"];
    const { stdout } = await run(process.execPath, args, folder);
    assert.equal(stdout.trim(), "100");
  });

  it(
    "type-checks against the package",
    { timeout: 120_000, skip: !isDeno },
    async () => {
      await run(process.execPath, ["check", "main.ts"], folder);
      await writeFile(
        join(folder, "wrong.ts"),
        (await firstExample()).replace(
          'type: "Deposited", data: c',
          'type: "Depositd", data: c',
        ),
      );
      await assert.rejects(
        run(process.execPath, ["check", "wrong.ts"], folder),
        /Depositd/,
      );
    },
  );

  async function setUpDeno(): Promise<void> {
    const { imports, exports } = JSON.parse(
      await readFile(join(checkout, "deno.json"), "utf8"),
    ) as { imports: Record<string, string>; exports: Record<string, string> };
    const map: Record<string, string> = { ...imports };
    for (const [door, file] of Object.entries(exports)) {
      map[`@flowmade/aether${door.slice(1)}`] = `file://${
        join(checkout, file)
      }`;
    }
    await writeFile(
      join(folder, "deno.json"),
      JSON.stringify({ imports: map }),
    );
  }

  async function setUpBun(): Promise<void> {
    await writeFile(
      join(folder, "package.json"),
      '{"name":"consumer","type":"module"}',
    );
    await run(process.execPath, ["add", checkout], folder);
  }
});

/** The README's first TypeScript block. */
async function firstExample(): Promise<string> {
  const readme = await readFile(join(checkout, "README.md"), "utf8");
  const block = /```ts\n([\s\S]*?)```/.exec(readme)?.[1];
  if (block?.includes("defineActor") !== true) {
    throw new Error("the README does not begin with an example of an actor");
  }
  return block;
}

function run(
  command: string,
  args: string[],
  cwd: string,
): Promise<{ stdout: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NO_COLOR: "1" };
    execFile(command, args, { cwd, env }, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout });
      else {reject(
          new Error(`${command} ${args.join(" ")}\n${stdout}\n${stderr}`, {
            cause: error,
          }),
        );}
    });
  });
}
