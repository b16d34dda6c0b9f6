/**
 * The commands that wait for one actor, in the order they came, and who is who
 * by command id.
 *
 * A command that never waits is in no map, nor is one whose id was made for it:
 * most are of these, and a map that is filled and emptied for each of them costs
 * more than all else here. Where one comes again, as after a lost answer, the
 * waiting ones are gone through.
 *
 * The map is made anew now and then. V8 chains each table that a map has outgrown
 * to the next one; once one of them is old, all that ever comes into the map grows
 * old with it instead of being collected young (measured: half of what a command
 * allocates that lives on at all).
 */
import type { Job } from "./_job.ts";

/** The waiting commands of one actor. */
export class Mailbox {
  #queue: Job[] = [];
  #byId: Map<string, Job> | undefined;
  /** How often something was put into this very map. */
  #added = 0;
  /** How many wait that are in no map. */
  #unheardOf = 0;

  /** How many wait. */
  get length(): number {
    return this.#queue.length;
  }

  /** Whose turn it is. */
  get first(): Job | undefined {
    return this.#queue[0];
  }

  /** All that wait, in order. */
  get all(): readonly Job[] {
    return this.#queue;
  }

  /** Takes one in, behind all others. */
  add(job: Job): void {
    this.#queue.push(job);
    if (job.isUnheardOf) this.#unheardOf++;
  }

  /** Takes those back in that have to be decided again, before all others. */
  putBack(jobs: readonly Job[]): void {
    this.#queue.unshift(...jobs);
    for (const job of jobs) {
      if (job.isUnheardOf) this.#unheardOf++;
      job.stage = "waiting";
      this.index(job);
      job.watch();
    }
  }

  /** Hands out whose turn it is; it can still be found by its id. */
  take(): Job | undefined {
    const job = this.#queue.shift();
    if (job?.isUnheardOf) this.#unheardOf--;
    return job;
  }

  /** Lets one be found by its id, until it is forgotten. */
  index(job: Job): void {
    if (job.isUnheardOf) return;
    if (
      this.#byId === undefined ||
      ++this.#added > Math.max(RENEW_AFTER, this.#byId.size)
    ) {
      this.#byId = new Map(this.#byId);
      this.#added = 0;
    }
    this.#byId.set(job.call.commandId, job);
  }

  /** The command of that id, waiting or, if it was indexed, not forgotten yet. */
  find(commandId: string): Job | undefined {
    const found = this.#byId?.get(commandId);
    if (found !== undefined || this.#unheardOf === 0) return found;
    return this.#queue.find(({ call }) => call.commandId === commandId);
  }

  /** It is answered: a command of its id is another one from now on. */
  forget(job: Job): void {
    if (this.#byId === undefined || this.#byId.size === 0) return;
    if (job.isUnheardOf) return;
    const { commandId } = job.call;
    if (this.#byId.get(commandId) === job) this.#byId.delete(commandId);
  }

  /** It was given up. */
  remove(job: Job): void {
    const at = this.#queue.indexOf(job);
    if (at >= 0) {
      this.#queue.splice(at, 1);
      if (job.isUnheardOf) this.#unheardOf--;
    }
    this.forget(job);
  }

  /** Hands out all that wait, to be refused. */
  drain(): Job[] {
    const all = this.#queue;
    this.#queue = [];
    this.#unheardOf = 0;
    for (const job of all) this.forget(job);
    return all;
  }
}

const RENEW_AFTER = 256;
