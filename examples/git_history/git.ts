/**
 * Runs git: as a stream that is read as it is wanted, or as a short answer.
 *
 * Whatever the user's environment and configuration say about how git shows
 * things is switched off here, so that one repository gives one history.
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { DemoError } from "./errors.ts";

/** git said no, or could not be started. */
export class GitError extends DemoError {
  override readonly name = "GitError";
}

/** Options of a command that make its output independent of configuration. */
const PLAIN = [
  "--no-pager",
  "--literal-pathspecs",
  "-c",
  "core.quotePath=false",
  "-c",
  "log.showRoot=true",
];

/** One repository, and how to ask git about it. */
export class Git {
  /** Makes it for a folder: the top of a working tree, or a bare repository. */
  constructor(readonly folder: string) {}

  /** Starts git; the caller reads `stdout` and ends `stdin`. */
  start(args: readonly string[]): ChildProcess {
    return spawn("git", ["-C", this.folder, ...PLAIN, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      env: plainEnvironment(),
    });
  }

  /**
   * Streams what git prints. git waits while nobody reads, and is ended when
   * the reader stops early.
   *
   * @throws {GitError} git failed; its own words are in the message.
   */
  async *stream(
    args: readonly string[],
    input: string | Uint8Array = "",
  ): AsyncGenerator<Uint8Array> {
    const child = this.start(args);
    const end = ended(child, args);
    // A git that fails early does not read its input: its exit code tells.
    child.stdin!.on("error", () => {});
    child.stdin!.end(input);
    try {
      for await (const chunk of child.stdout!) yield chunk as Uint8Array;
      await end;
    } finally {
      end.catch(() => {});
      if (child.exitCode === null) child.kill();
    }
  }

  /** What git prints, as text without the last line end. For short answers. */
  async text(args: readonly string[], input?: string): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of this.stream(args, input)) {
      text += decoder.decode(chunk, { stream: true });
    }
    return (text + decoder.decode()).replace(/\n$/, "");
  }

  /** As {@link Git.text}, or `undefined` where git says no. */
  async maybe(args: readonly string[]): Promise<string | undefined> {
    try {
      return await this.text(args);
    } catch (error) {
      if (error instanceof GitError) return undefined;
      throw error;
    }
  }
}

/** Resolves when git has ended well; what it complained about becomes an error. */
export function ended(
  child: ChildProcess,
  args: readonly string[],
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let complaint = "";
  child.stderr!.setEncoding("utf8");
  child.stderr!.on("data", (text: string) => {
    complaint = (complaint + text).slice(-4_000);
  });
  child.once("error", (cause) => {
    reject(new GitError(`Cannot run git: ${cause.message}`, { cause }));
  });
  child.once("close", (code, signal) => {
    if (code === 0) return resolve();
    const why = complaint.trim() || `it ended with ${signal ?? code}`;
    reject(new GitError(`git ${args[0]} failed: ${why}`));
  });
  // Whoever waits later still gets the error; nobody waiting is no crash.
  promise.catch(() => {});
  return promise;
}

/** This process's environment without what would point git elsewhere. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!/^GIT_(?!CONFIG|TRACE|SSH)/.test(name)) env[name] = value;
  }
  return {
    ...env,
    LC_ALL: "C",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_TERMINAL_PROMPT: "0",
  };
}
