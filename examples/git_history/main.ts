/**
 * `deno task demo`: feeds the history of a git repository to actors, one for
 * each file, over three worker processes, kills one of them half-way, and then
 * proves from the events alone that nothing was lost and nothing done twice.
 */
import process from "node:process";
import { runEmbedded, runOnCluster } from "./demo.ts";
import { DemoError } from "./errors.ts";
import { HELP, parseOptions } from "./options.ts";
import { describeRepository } from "./report.ts";
import { openRepository } from "./repository.ts";

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    console.log(HELP);
    return 0;
  }
  const repository = await openRepository(options.path, options.limit);
  if (repository.target === undefined) {
    console.log(
      `${repository.git.folder} has no commits yet: nothing to send, nothing to prove.`,
    );
    return 0;
  }
  console.log(describeRepository(repository));
  const proven = options.embedded
    ? await runEmbedded(repository, options)
    : await runOnCluster(repository, options);
  console.log(proven ? "\nProven." : "\nNOT PROVEN.");
  return proven ? 0 : 1;
}

// What is to be removed at the end goes on Ctrl-C, too.
for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  process.once(signal, () => process.exit(code));
}
try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof DemoError ? error.message : error);
  process.exitCode = 1;
}
process.exit();
