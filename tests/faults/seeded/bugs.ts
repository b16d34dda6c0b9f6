/**
 * Bugs that were put into a copy of the source, to see that a run of faults catches
 * them: each replaces a few words of a file, and breaks one promise.
 *
 * A few of them take a moment that is short in a quiet run. Such a one names an
 * *aid*, a change that does no harm by itself and makes the moment longer; the copy
 * without the bug has it too.
 */
import type { InvariantId } from "../checker/mod.ts";
import type { FaultId } from "../run/fault.ts";

/** What is replaced in a file; it has to be there once. */
export interface Change {
  /** From the repository's root. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** One bug, and what is to catch it. */
export interface SeededBug {
  /** What goes wrong, in a few words. */
  readonly what: string;
  readonly changes: readonly Change[];
  readonly aid?: readonly Change[];
  /** The only fault of the run. */
  readonly fault: FaultId;
  /** The seed of the run, and the first of those to be tried. */
  readonly seed: number;
  /** The invariant it breaks, or the fault whose promise. */
  readonly caughtBy: InvariantId | FaultId;
  /** What is said then, where not all of what is said by it tells of the bug. */
  readonly says?: RegExp;
  /** Whether it is tried with each commit. */
  readonly isQuick?: boolean;
}

/** What is sent waits for a moment: whoever is killed has sent less than it promised. */
const SLOW_RELAY: readonly Change[] = [{
  file: "actor/_relay.ts",
  from: "  async #carryOut(pending: Pending): Promise<void> {",
  to: `  async #carryOut(pending: Pending): Promise<void> {
    await new Promise<void>((r) => this.#options.clock.timer(300, r));`,
}];

/** Alarms are never taken back, as their actors may drop them anyway. */
const ALARMS_STAY: readonly Change[] = [{
  file: "actor/_relay.ts",
  from:
    "await inbox.clearAlarm(actorId, id, { timeout: 2_000 }).catch(() => {});",
  to: "await Promise.resolve([inbox, actorId, id]);",
}];

/** Policies begin anew wherever they go on, as what they send again changes nothing. */
const POLICIES_AGAIN: readonly Change[] = [{
  file: "bus/_single.ts",
  from: `    const { checkpoint } = this.#seat;
    const { from } = this.#plan;`,
  to: `    const checkpoint = undefined;
    const from = "beginning";`,
}];

/** All of them. */
export const BUGS: readonly SeededBug[] = [
  {
    what: "callers are answered before the commit is stored",
    changes: [{
      file: "actor/_command.ts",
      from: "    this.#isCommitting = true;\n    const { behind,",
      to: `    group.answer({
      events: group.events.map((event, i) => ({
        ...{ timestamp: new Date(), ...event, sequence: 1 },
        ...{ id: event.id ?? \`\${group.commitId}-\${i}\` },
        ...{ actorId: group.behind.actorId, commitId: group.commitId },
        version: group.behind.version + i + 1,
      })),
    } as unknown as AppendResult);
    this.#isCommitting = true;
    const { behind,`,
    }],
    fault: "F1",
    seed: 1,
    caughtBy: "I1",
  },
  {
    what: "an append whose answer was lost is told to have failed",
    changes: [{
      file: "store/_settle.ts",
      from: "if (error instanceof Fault ? error.sent : aborted) loose = true;",
      to:
        "if (error instanceof Fault) throw notStored(action, deadline, error);",
    }],
    fault: "F10",
    seed: 1,
    caughtBy: "I15",
  },
  {
    what: "whatever is found in the slot is taken for the own commit",
    changes: [{
      file: "store/_settle.ts",
      from: "message.headers.get(CommitHeader.commit) === slots[i]!.commitId;",
      to: "message !== undefined && slots[i] !== undefined;",
    }],
    fault: "F1",
    seed: 1,
    caughtBy: "I1",
  },
  {
    what: "commits are sent without the sequence they expect",
    changes: [{
      file: "store/_commit.ts",
      from: "    [EXPECTED]: String(trail[0] ?? 0),\n",
      to: "",
    }],
    fault: "F1",
    seed: 1,
    caughtBy: "I2",
  },
  {
    what: "an actor forgets which commands it has answered",
    changes: [{
      file: "actor/_command.ts",
      from: "job.known ?? this.#replica.answered(call.commandId);",
      to: "job.known;",
    }],
    fault: "F1",
    seed: 1,
    caughtBy: "I4",
  },
  {
    what: "whoever seizes a shard carries out nothing its late owner promised",
    changes: [{
      file: "actor/_relay.ts",
      from:
        "sweep.found.add(commit.sequence);\n        await this.#again(commit);",
      to: "sweep.found.add(commit.sequence);",
    }],
    aid: SLOW_RELAY,
    fault: "F1",
    seed: 1,
    caughtBy: "effects",
  },
  {
    what: "a timer that was cancelled or set anew fires all the same",
    changes: [{
      file: "actor/_outcome.ts",
      from:
        "return timer === undefined || timers?.get(timer.name)?.id === timer.id;",
      to:
        "return timer === undefined || timers?.has(timer.name) !== undefined;",
    }],
    aid: ALARMS_STAY,
    fault: "F1",
    seed: 1,
    caughtBy: "timers",
  },
  {
    what: "an alarm is set two seconds early",
    changes: [{
      file: "actor/_relay.ts",
      from: "() => inbox.setAlarm(alarm, at),",
      to: "() => inbox.setAlarm(alarm, at - 2_000),",
    }],
    fault: "F1",
    seed: 1,
    caughtBy: "timers",
    isQuick: true,
  },
  {
    what: "a command that is to be parked is removed instead",
    changes: [{
      file: "actor/_carrier.ts",
      from: "() => inbox.park(parked),",
      to: "() => Promise.resolve(inbox),",
    }],
    fault: "F1",
    seed: 1,
    caughtBy: "effects",
  },
  {
    what: "a sender is told twice that what it sent was rejected",
    changes: [{
      file: "actor/_carrier.ts",
      from: "        await this.#tell(command, rejection);\n",
      to: `        await this.#tell(command, rejection);
        const other = toldId(command.commandId);
        await this.#tell({ ...command, commandId: other }, rejection);
`,
    }],
    fault: "F1",
    seed: 1,
    caughtBy: "money",
  },
  {
    what: "a reader of the log leaves out every 97th place",
    changes: [{
      file: "bus/_ordered_reader.ts",
      from: "    this.#queue.push(pulled);",
      to: "    if (sequence % 97 !== 0) this.#queue.push(pulled);",
    }],
    fault: "F1",
    seed: 1,
    caughtBy: "I9",
  },
  {
    what: "a projection goes on at the log's end where it changes hands",
    changes: [{
      file: "projection/_runner.ts",
      from: '"beginning" : { after: eventOf(after) },',
      to: '"beginning" : "now",',
    }],
    fault: "F3",
    seed: 1,
    caughtBy: "I7",
  },
  {
    what: "a linear read is answered from memory",
    changes: [{
      file: "actor/_query.ts",
      from: "const ahead = await this.#replica.lookAhead();",
      to: `const { state, version } = this.#replica;
        const loaded = { commits: [], position: this.#replica.position };
        const behind = { ...this.#replica.position };
        const ahead = { state, version, loaded, behind };`,
    }],
    fault: "F1",
    seed: 1,
    caughtBy: "I3",
  },
  {
    what: "a snapshot is of the state before the last commit",
    changes: [{
      file: "actor/_replica.ts",
      from: "    this.state = state;\n    this.timers = timers;\n",
      to: `    this.before = this.state;
    this.state = state;
    this.timers = timers;
`,
    }, {
      file: "actor/_replica.ts",
      from: "  state: unknown = undefined;\n",
      to: "  state: unknown = undefined;\n  before: unknown = undefined;\n",
    }, {
      file: "actor/_replica.ts",
      from: "      state: this.state,\n",
      to: "      state: this.before ?? this.state,\n",
    }],
    fault: "F1",
    seed: 1,
    caughtBy: "I6",
  },
  {
    what: "an actor's first commit is sent without the sequence it expects",
    changes: [{
      file: "store/_commit.ts",
      from: "[EXPECTED]: String(trail[0] ?? 0),",
      to: "[EXPECTED]: trail.length === 0 ? undefined : String(trail[0]),",
    }],
    fault: "F2",
    seed: 1,
    caughtBy: "I5",
  },
  {
    what: "the end of an actor's log is read from any copy of it",
    changes: [{
      file: "store/_context.ts",
      from: "await api.last(eventStream, subject, deadline);",
      to: "await api.directLast(eventStream, subject, deadline);",
    }],
    fault: "F16",
    seed: 1,
    caughtBy: "F16",
    says: /as version \d+ was expected|strong reads were stale/,
  },
  {
    what: "a policy sends what it has sent before under another id",
    changes: [{
      file: "actor/_policies.ts",
      from: "`/${durable}@${version}#${nth}`),",
      to: "`/${durable}@${version}#${nth} ${performance.now()}`),",
    }],
    aid: POLICIES_AGAIN,
    fault: "F3",
    seed: 1,
    caughtBy: "policies",
  },
  {
    what: "the commits of several actors are sent one by one, not as a batch",
    changes: [{
      file: "store/_batch.ts",
      from: `        "Nats-Batch-Id": id,
        "Nats-Batch-Sequence": String(i + 1),
`,
      to: "",
    }, {
      file: "store/_batch.ts",
      from: `{ ...extra, "Nats-Batch-Commit": "1" }`,
      to: `(void id, extra)`,
    }],
    fault: "F1",
    seed: 1,
    caughtBy: "I14",
  },
  {
    what: "live subscribers are shown an event as the one before it",
    changes: [{
      file: "bus/_nats_live.ts",
      from: "named(decodeCommitEvents(codec, arrival, bus).events, namespace),",
      to: `named(decodeCommitEvents(codec, arrival, bus).events, namespace)
            .map((event) =>
              event.version % 97 === 0
                ? { ...event, version: event.version - 1 }
                : event
            ),`,
    }],
    fault: "F1",
    seed: 1,
    caughtBy: "I8",
  },
  {
    what: "what a node rejects comes back as an error without a code",
    changes: [{
      file: "event/errors.ts",
      from: `    return new Rejected(
      textOr(details["reason"], "rejected"),
      message,
      details,
    );`,
      to: "    return new Error(message) as AetherError;",
    }],
    fault: "F1",
    seed: 1,
    caughtBy: "I13",
  },
];
