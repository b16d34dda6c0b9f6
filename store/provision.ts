/**
 * The streams of a namespace: created where they are missing, checked where they
 * are not. A stream whose configuration would break a promise is refused, with
 * the field named, and never changed behind its owner's back.
 */
import {
  InvalidArgumentError,
  MisconfiguredError,
  PermissionDeniedError,
  StoreUnavailableError,
  streamNames,
  subjectsOf,
  systemClock,
  UnsupportedServerError,
} from "../event/mod.ts";
import {
  ApiCode,
  type Connection,
  Deadline,
  faultToError,
  isFault,
  Link,
} from "../nats/mod.ts";
import { ApiRefusal, JetStreamApi, refusalToError } from "./_api.ts";

/** How the streams of a namespace are to be. */
export interface ProvisionOptions {
  /** Copies of each stream: 1 by default; 3 for a cluster of servers. */
  readonly replicas?: 1 | 3 | 5;
  /** `false` never creates a stream: for a NATS user who may not. */
  readonly provision?: boolean;
}

/**
 * Creates the streams of a namespace where they are missing and checks them.
 * Idempotent; two at once are harmless.
 *
 * @returns When the event stream was made, and the inbox, which tells one life of
 * them from another.
 * @throws {MisconfiguredError} `misconfigured`: naming stream, field and value.
 * @throws {PermissionDeniedError} `permission_denied`: a stream is missing and
 * this user may not create it.
 * @throws {StoreUnavailableError} `store_unavailable`: a stream is missing and
 * `provision` is false, or the server does not answer.
 * @throws {UnsupportedServerError} `unsupported_server`: JetStream is off.
 */
export async function provisionNamespace(
  api: JetStreamApi,
  namespace: string,
  options: ProvisionOptions,
  deadline: Deadline,
): Promise<{ readonly created: unknown; readonly inboxCreated: unknown }> {
  const replicas = options.replicas ?? 1;
  const action = `Cannot open namespace "${namespace}"`;
  const open = (wanted: Wanted) =>
    ensure(api, wanted, options, deadline, action);
  try {
    const { created } = await open(eventStream(namespace, replicas));
    await open(snapshotStream(namespace, replicas));
    const inbox = await open(inboxStream(namespace, replicas));
    return { created, inboxCreated: inbox["created"] };
  } catch (error) {
    throw refusalToError(faultToError(error, action), action);
  }
}

/**
 * Deletes all streams of a namespace and everything in them: for development
 * and tests. It cannot be undone.
 *
 * @param nc A connection of the NATS client.
 * @param namespace Which one.
 * @param options `confirm` must repeat the namespace.
 * @throws {InvalidArgumentError} `invalid_argument`: `confirm` is not the namespace.
 * @throws {PermissionDeniedError} `permission_denied`: this user may not delete streams.
 * @throws {StoreUnavailableError} `store_unavailable`: the server does not answer.
 */
export async function destroyNamespace(
  nc: Connection,
  namespace: string,
  options: { readonly confirm: string; readonly timeout?: number },
): Promise<void> {
  const names = streamNames(namespace);
  if (options.confirm !== namespace) {
    throw new InvalidArgumentError(
      `Cannot destroy namespace "${namespace}" unless confirm repeats its name: got ${
        JSON.stringify(options.confirm)
      }`,
    );
  }
  const link = new Link(nc);
  const deadline = new Deadline(systemClock, options.timeout ?? 10_000);
  try {
    const api = new JetStreamApi(link);
    await api.deleteStream(names.views, deadline);
    await api.deleteStream(names.subscriptions, deadline);
    await api.deleteStream(names.inbox, deadline);
    await api.deleteStream(names.snapshots, deadline);
    await api.deleteStream(names.events, deadline);
  } catch (error) {
    const action = `Cannot destroy namespace "${namespace}"`;
    throw refusalToError(faultToError(error, action), action);
  } finally {
    await link.close();
  }
}

interface Wanted {
  readonly name: string;
  readonly config:
    & { readonly name: string }
    & Readonly<Record<string, unknown>>;
  /** What an existing stream may have there; the reason is told. */
  readonly rules: readonly Rule[];
}

interface Rule {
  readonly field: string;
  readonly ok: (value: unknown) => boolean;
  readonly needed: string;
}

function eventStream(namespace: string, replicas: number): Wanted {
  const subjects = subjectsOf(namespace);
  const name = streamNames(namespace).events;
  const republish = { src: subjects.allEvents, dest: subjects.busMapping };
  const config = {
    name,
    description: `Aether: events of ${namespace}`,
    subjects: [subjects.allEvents],
    storage: "file",
    retention: "limits",
    discard: "new",
    max_age: 0,
    max_msgs: -1,
    max_bytes: -1,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    max_consumers: -1,
    // No message ids are used; the window costs memory, so it is the least allowed.
    duplicate_window: 100_000_000,
    deny_delete: true,
    deny_purge: true,
    allow_direct: true,
    allow_atomic: true,
    num_replicas: replicas,
    republish,
  };
  return {
    name,
    config,
    // First what must not be, as it often forbids something that must.
    rules: [
      absent("allow_rollup_hdrs"),
      absent("allow_msg_ttl"),
      absent("allow_msg_counter"),
      absent("no_ack"),
      absent("sealed"),
      absent("subject_transform"),
      absent("mirror"),
      absent("sources"),
      {
        field: "persist_mode",
        ok: (v) => v !== "async",
        needed: 'not "async"',
      },
      equal("subjects", [subjects.allEvents]),
      equal("storage", "file"),
      equal("retention", "limits"),
      equal("discard", "new"),
      unlimited("max_age"),
      unlimited("max_msgs"),
      unlimited("max_bytes"),
      unlimited("max_msgs_per_subject"),
      unlimited("max_msg_size"),
      equal("deny_delete", true),
      equal("deny_purge", true),
      equal("allow_direct", true),
      equal("allow_atomic", true),
      {
        field: "republish",
        ok: (v) => {
          const { src, dest, headers_only } = (v ?? {}) as Record<
            string,
            unknown
          >;
          return src === republish.src && dest === republish.dest &&
            headers_only !== true;
        },
        needed: JSON.stringify(republish),
      },
      atLeastReplicas(replicas),
    ],
  };
}

function snapshotStream(namespace: string, replicas: number): Wanted {
  const subjects = subjectsOf(namespace);
  const name = streamNames(namespace).snapshots;
  return {
    name,
    config: {
      name,
      description: `Aether: snapshots of ${namespace}`,
      subjects: [subjects.allSnapshots],
      storage: "file",
      retention: "limits",
      discard: "old",
      max_msgs_per_subject: 1,
      duplicate_window: 100_000_000,
      allow_direct: true,
      num_replicas: replicas,
    },
    // A cache may be limited in any way; it only has to answer.
    rules: [
      absent("no_ack"),
      absent("sealed"),
      absent("subject_transform"),
      equal("subjects", [subjects.allSnapshots]),
      equal("max_msgs_per_subject", 1),
      equal("allow_direct", true),
    ],
  };
}

function inboxStream(namespace: string, replicas: number): Wanted {
  const subjects = subjectsOf(namespace);
  const name = streamNames(namespace).inbox;
  const { allAlarms, allCommands, allMarks, dueMapping } = subjects;
  const all = [allCommands, allAlarms, subjects.parkedOf(), allMarks];
  const republish = { src: allCommands, dest: dueMapping, headers_only: true };
  return {
    name,
    config: {
      name,
      description: `Aether: durable commands and timers of ${namespace}`,
      subjects: all,
      storage: "file",
      retention: "workqueue",
      // The server takes nothing else for a stream with schedules.
      discard: "old",
      max_age: 0,
      max_msgs: -1,
      max_bytes: -1,
      max_msgs_per_subject: -1,
      max_msg_size: -1,
      duplicate_window: 100_000_000,
      allow_direct: true,
      allow_msg_schedules: true,
      allow_msg_ttl: true,
      num_replicas: replicas,
      republish,
    },
    rules: [
      absent("no_ack"),
      absent("sealed"),
      absent("deny_delete"),
      absent("subject_transform"),
      absent("mirror"),
      absent("sources"),
      equal("subjects", all),
      equal("storage", "file"),
      {
        field: "retention",
        ok: (v) => v === "workqueue" || v === "limits",
        needed: '"workqueue" or "limits"',
      },
      unlimited("max_age"),
      unlimited("max_msgs"),
      unlimited("max_bytes"),
      unlimited("max_msgs_per_subject"),
      unlimited("max_msg_size"),
      equal("allow_direct", true),
      equal("allow_msg_schedules", true),
      equal("allow_msg_ttl", true),
      {
        field: "republish",
        ok: (v) => {
          const { src, dest } = (v ?? {}) as Record<string, unknown>;
          return src === republish.src && dest === republish.dest;
        },
        needed: JSON.stringify(republish),
      },
      atLeastReplicas(replicas),
    ],
  };
}

async function ensure(
  api: JetStreamApi,
  wanted: Wanted,
  options: ProvisionOptions,
  deadline: Deadline,
  action: string,
): Promise<Record<string, unknown>> {
  let info = await infoOf(api, wanted.name, deadline, action);
  if (info === undefined) {
    if (options.provision === false) {
      throw new StoreUnavailableError(
        `${action} as stream ${wanted.name} does not exist and provision is false: ` +
          "open it once with a user who may create streams",
      );
    }
    info = await create(api, wanted, deadline, action);
  }
  check(wanted, (info["config"] ?? {}) as Record<string, unknown>);
  return info;
}

async function infoOf(
  api: JetStreamApi,
  name: string,
  deadline: Deadline,
  action: string,
) {
  // A server without JetStream may be one of several, of which others have it: so
  // it is asked all the same, but not for long.
  const info = api.link.connection.info as { jetstream?: boolean } | undefined;
  const off = info !== undefined && info.jetstream !== true;
  const patience = off
    ? new Deadline(deadline.clock, deadline.attempt(1_000), deadline.signal)
    : deadline;
  try {
    return await api.streamInfo(name, patience);
  } catch (error) {
    if (off && isFault(error, "no_responders")) {
      throw new UnsupportedServerError(
        `${action} as JetStream is off on this nats-server: start it with -js`,
        { cause: error },
      );
    }
    throw error;
  }
}

async function create(
  api: JetStreamApi,
  wanted: Wanted,
  deadline: Deadline,
  action: string,
  tries = 1,
): Promise<Record<string, unknown>> {
  try {
    const created = await api.createStream(wanted.config, deadline);
    // Undefined: somebody else just made it, perhaps otherwise than we would.
    return created ?? (await api.streamInfo(wanted.name, deadline)) ?? {};
  } catch (error) {
    if (isFault(error, "permission")) {
      throw new PermissionDeniedError(
        `${action} as stream ${wanted.name} does not exist and this NATS user may not create it: ` +
          "open it once with a user who may",
        { cause: error },
      );
    }
    const code = error instanceof ApiRefusal ? error.error.err_code : 0;
    // Also seen where one of three was silent for a moment.
    if (code === ApiCode.noSuitablePeers && tries < PEER_TRIES) {
      await deadline.pause(PEER_PAUSE);
      return create(api, wanted, deadline, action, tries + 1);
    }
    // Seen while the server removes the folder of the last stream it had.
    if (code === ApiCode.streamNotCreated && tries < CREATE_TRIES) {
      await deadline.pause(20 * tries);
      return create(api, wanted, deadline, action, tries + 1);
    }
    if (error instanceof ApiRefusal && code === ApiCode.subjectOverlap) {
      throw new MisconfiguredError(
        `${action} as another stream already takes the subjects of ${wanted.name} ` +
          `(${error.error.description}): find it with "nats stream ls" and narrow its subjects`,
        { cause: error },
      );
    }
    throw error;
  }
}

function check(wanted: Wanted, config: Record<string, unknown>): void {
  for (const { field, ok, needed } of wanted.rules) {
    const found = config[field];
    if (ok(found)) continue;
    throw new MisconfiguredError(
      `Cannot use stream ${wanted.name} as its ${field} breaks a promise: ` +
        `found ${JSON.stringify(found) ?? "nothing"}, needed ${needed}; ` +
        'change it on the server (as with "nats stream edit"): Aether never changes a stream that is there',
      { details: { stream: wanted.name, field, found: found ?? null, needed } },
    );
  }
}

function equal(field: string, value: unknown): Rule {
  const needed = JSON.stringify(value);
  return {
    field,
    ok: (found) => JSON.stringify(found ?? false) === needed,
    needed,
  };
}

function unlimited(field: string): Rule {
  return { field, ok: (found) => Number(found ?? 0) <= 0, needed: "no limit" };
}

function absent(field: string): Rule {
  return {
    field,
    ok: (found) => !found || (found as []).length === 0,
    needed: "none",
  };
}

function atLeastReplicas(replicas: number): Rule {
  return {
    field: "num_replicas",
    ok: (found) => Number(found ?? 1) >= replicas,
    needed: `at least ${replicas}`,
  };
}

const CREATE_TRIES = 5;
const PEER_TRIES = 12;
const PEER_PAUSE = 250;
