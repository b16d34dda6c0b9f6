/** Feeds the history to the actors, and measures. */
import type { Aether } from "@flowmade/aether";
import { type Answer, Driver, type Send } from "./driver.ts";
import { FactFinder } from "./facts.ts";
import { File } from "./file_actor.ts";
import { GitError } from "./git.ts";
import { Meter } from "./meter.ts";
import { planCommit, type Step } from "./plan.ts";
import { Progress } from "./progress.ts";
import type { RunFigures } from "./report.ts";
import { readHistory, type Repository } from "./repository.ts";

/** What a run takes. */
export interface RunOptions {
  readonly repository: Repository;
  /** Commands under way at a time. */
  readonly window: number;
  /** Told of each acknowledged command, once. */
  readonly onAnswer: (step: Step, answer: Answer) => void;
  /** Shows how far it is. */
  readonly progress?: boolean;
  /** Called half-way; what it kills is named in what it returns. */
  readonly halfWay?: () => string | Promise<string>;
}

/** Sends a command for each file that each commit touched; resolves when all are done. */
export async function feedHistory(
  aether: Aether,
  options: RunOptions,
): Promise<RunFigures> {
  const { repository, window, onAnswer, progress: shown, halfWay } = options;
  const meter = new Meter();
  const driver = new Driver({
    send: senderOf(aether),
    meter,
    onAnswer,
    window,
    giveUpAfter: 60_000,
  });
  let commits = 0;
  let killed: string | undefined;
  using progress = new Progress(repository.commits, () => ({
    commits,
    figures: meter.figures(),
    retries: driver.retries,
  }), shown ?? false);
  await using facts = new FactFinder(repository.git);
  try {
    for await (const commit of readHistory(repository)) {
      await driver.submit(await planCommit(commit, facts.lookUp));
      if (++commits !== Math.ceil(repository.commits / 2)) continue;
      killed = await halfWay?.();
      if (killed === undefined) continue;
      meter.mark();
      progress.say(`Half-way: ${killed} was killed (SIGKILL)`);
    }
  } catch (error) {
    if (error instanceof GitError) throw unreadable(error, commits);
    throw error;
  }
  await driver.drain();
  meter.end();
  progress.stop();
  const failures = driver.failures.map(({ step, error }) =>
    `${step.order.verb} ${step.key}: ${error}`
  );
  const figures = { meter: meter.figures(), retries: driver.retries, failures };
  return killed === undefined ? figures : { ...figures, killed };
}

/** Such as a clone without all blobs, whose server cannot be reached. */
function unreadable(error: GitError, commits: number): GitError {
  return new GitError(
    `${error.message}\nThe repository is incomplete after ${commits} commits of the mainline: ` +
      `complete it (git fetch --refetch), or take its first part with --limit ${commits}`,
    { cause: error },
  );
}

function senderOf(aether: Aether): Send {
  return async (key, { verb, input }, commandId): Promise<Answer> => {
    const file = aether.actor(File, key);
    const options = { commandId };
    switch (verb) {
      case "add":
        return await file.add(input, options);
      case "change":
        return await file.change(input, options);
      case "replace":
        return await file.replace(input, options);
      case "rename":
        return await file.rename(input, options);
      case "remove":
        return await file.remove(input, options);
    }
  };
}
