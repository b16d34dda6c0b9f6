/** What the demo is told on its command line. */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { DemoError } from "./errors.ts";
import { ownRuntime, type Runtime } from "./runtimes.ts";

/** The demo's options. */
export interface DemoOptions {
  /** A working tree or a bare repository. */
  readonly path: string;
  /** One process, no server. */
  readonly embedded: boolean;
  /** What runs each worker. */
  readonly workers: readonly Runtime[];
  /** How many commits, the oldest first; `Infinity` for all. */
  readonly limit: number;
  /** Commands under way at a time. */
  readonly window: number;
  /** Print lists as a whole. */
  readonly all: boolean;
}

/** The command line, for people. */
export const HELP =
  `The history of a git repository as actors, one for each file.

deno task demo [path to a repository] [options]

  path                     a working tree or a bare repository (this checkout)
  --embedded               one process, no server
  --runtime deno|bun|mixed what runs the three workers (the runtime of the demo)
  --limit <n>              only so many commits, the oldest ones
  --window <n>             commands under way at a time (128)
  --all                    print every file whose lines cannot be checked`;

/**
 * Reads the command line.
 *
 * @returns `undefined` where help was asked for.
 * @throws {DemoError} an option is unknown or has no such value.
 */
export function parseOptions(args: readonly string[]): DemoOptions | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  if (positionals.length > 1) {
    throw new DemoError(
      `One repository at a time: got ${positionals.join(", ")}`,
    );
  }
  return {
    path: positionals[0] ?? fileURLToPath(new URL("../..", import.meta.url)),
    embedded: values.embedded,
    workers: workersOf(values.runtime),
    limit: values.limit === undefined
      ? Infinity
      : count(values.limit, "--limit"),
    window: count(values.window, "--window"),
    all: values.all,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        embedded: { type: "boolean", default: false },
        runtime: { type: "string", default: ownRuntime },
        limit: { type: "string" },
        window: { type: "string", default: "128" },
        all: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (cause) {
    throw new DemoError((cause as Error).message, { cause });
  }
}

function workersOf(runtime: string): Runtime[] {
  if (runtime === "mixed") return ["deno", "bun", "deno"];
  if (runtime === "deno" || runtime === "bun") {
    return [runtime, runtime, runtime];
  }
  throw new DemoError(`--runtime is deno, bun or mixed: got "${runtime}"`);
}

function count(text: string, option: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new DemoError(`${option} is a whole number above 0: got "${text}"`);
}
