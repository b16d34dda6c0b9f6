/**
 * Sends the commands: many at a time over different files, one after the other
 * for each file. A command whose answer was lost, or that was turned away for
 * the moment, goes out again under the same id, so it takes effect once.
 */
import { AetherError } from "@flowmade/aether";
import { DemoError } from "./errors.ts";
import type { Meter } from "./meter.ts";
import type { Order, Step } from "./plan.ts";

/** What an actor answered. */
export interface Answer {
  /** The actor's version behind the command. */
  readonly version: number;
  /** The events it made. */
  readonly events: readonly AnsweredEvent[];
}

/** An event, as far as the driver looks at it. */
export interface AnsweredEvent {
  readonly id: string;
  readonly version: number;
  readonly data: { readonly deleted: number };
}

/** Gives one command to the actor of a file. */
export type Send = (
  key: string,
  order: Order,
  commandId: string,
) => Promise<Answer>;

/** What the driver takes. */
export interface DriverOptions {
  readonly send: Send;
  readonly meter: Meter;
  /** Told of each acknowledged command, once. */
  readonly onAnswer: (step: Step, answer: Answer) => void;
  /** Commands under way at a time. */
  readonly window: number;
  /** Milliseconds after which a command that keeps failing ends the whole run. */
  readonly giveUpAfter: number;
}

/** A command that was never acknowledged, and why. */
export interface Failure {
  readonly step: Step;
  readonly error: unknown;
}

/** One run of commands. */
export class Driver {
  /** Commands that were refused, or given up; none in a run that went well. */
  readonly failures: Failure[] = [];
  readonly #options: DriverOptions;
  readonly #lanes = new Map<string, Promise<unknown>>();
  readonly #left = new Map<Step, Promise<Answer | undefined>>();
  readonly #window: Semaphore;
  readonly #backlog: Semaphore;
  readonly #retries = new Map<string, number>();
  #stopped: Error | undefined;

  /** Makes a driver that has sent nothing yet. */
  constructor(options: DriverOptions) {
    this.#options = options;
    this.#window = new Semaphore(options.window);
    this.#backlog = new Semaphore(options.window * 4);
  }

  /** How often commands went out again, by the code of the error. */
  get retries(): ReadonlyMap<string, number> {
    return this.#retries;
  }

  /**
   * Takes the steps of one commit, in order; resolves when there is room for
   * more, not when they are done.
   *
   * @throws {DemoError} the run has ended early, as a command could not be got through.
   */
  async submit(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#backlog.acquire();
      if (this.#stopped) throw this.#stopped;
      this.#enqueue(step);
    }
  }

  /**
   * Resolves when all that was taken is done or refused.
   *
   * @throws {DemoError} as {@link Driver.submit}.
   */
  async drain(): Promise<void> {
    await Promise.all(this.#lanes.values());
    if (this.#stopped) throw this.#stopped;
  }

  #enqueue(step: Step): void {
    const before = this.#lanes.get(step.key);
    const source = step.after && this.#left.get(step.after);
    const done = this.#run(step, before, source);
    this.#lanes.set(step.key, done);
    if (step.order.verb === "rename") this.#left.set(step, done);
    done.finally(() => {
      if (this.#lanes.get(step.key) === done) this.#lanes.delete(step.key);
      this.#backlog.release();
    });
    if (step.after !== undefined) this.#left.delete(step.after);
  }

  /** What waits here waits for steps taken earlier, so none waits for ever. */
  async #run(
    step: Step,
    before: Promise<unknown> | undefined,
    source: Promise<Answer | undefined> | undefined,
  ): Promise<Answer | undefined> {
    await before;
    const left = await source;
    await this.#window.acquire();
    try {
      const answer = await this.#persist(step, withEdit(step, left));
      this.#options.onAnswer(step, answer);
      return answer;
    } catch (error) {
      this.failures.push({ step, error });
      return undefined;
    } finally {
      this.#window.release();
    }
  }

  /** Sends until there is an answer, or an error that another try would not mend. */
  async #persist(step: Step, order: Order): Promise<Answer> {
    const { meter, send, giveUpAfter } = this.#options;
    const sentAt = meter.sent();
    for (let pause = FIRST_PAUSE;; pause = Math.min(pause * 2, LAST_PAUSE)) {
      if (this.#stopped) {
        meter.failed();
        throw this.#stopped;
      }
      try {
        const answer = await send(step.key, order, step.commandId);
        meter.acknowledged(sentAt);
        return answer;
      } catch (error) {
        const again = error instanceof AetherError &&
          (error.retryable || error.ambiguous);
        if (!again) {
          meter.failed();
          throw error;
        }
        if (performance.now() - sentAt > giveUpAfter) {
          this.#stopped ??= new DemoError(
            `${step.order.verb} of ${step.key} did not get through in ${giveUpAfter} ms: ${error.message}`,
            { cause: error },
          );
        }
        this.#retries.set(error.code, (this.#retries.get(error.code) ?? 0) + 1);
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

const FIRST_PAUSE = 10;
const LAST_PAUSE = 500;

/** A renamed file comes with the lines it left with, as its old actor told. */
function withEdit(
  { order, after, edit }: Step,
  left: Answer | undefined,
): Order {
  if (after === undefined || edit === undefined) return order;
  const lines = left?.events[0]?.data.deleted;
  if (lines === undefined || order.verb !== "add") {
    throw new Error("the file it was renamed from did not answer");
  }
  const added = lines + edit.added - edit.deleted;
  return { verb: "add", input: { ...order.input, added } };
}

/** So many at a time; the others in the order they came. */
class Semaphore {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(size: number) {
    this.#free = size;
  }

  async acquire(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
