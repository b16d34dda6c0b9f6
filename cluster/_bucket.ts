/**
 * The bucket of a cluster: a stream that keeps the last message of each key and
 * sends on what it has stored, so that no node needs a consumer to follow it.
 *
 * `allow_direct` is off: a read that any replica may answer was seen to miss the
 * last write in 2 to 12 % of cases. Files, as the revisions are fencing tokens
 * that must not begin again at 1 when the server restarts.
 */
import { MisconfiguredError, PermissionDeniedError } from "../event/mod.ts";
import {
  ApiCode,
  ApiRefusal,
  type Deadline,
  isFault,
  type JetStreamApi,
} from "../nats/mod.ts";

/** The names of a cluster's bucket. */
export interface Bucket {
  /** The stream. */
  readonly stream: string;
  /** What a key's subject begins with, `.` included. */
  readonly prefix: string;
  /** What the subject begins with on which a stored message is sent on, `.` included. */
  readonly mirror: string;
}

/** Names the bucket of a cluster. */
export function bucketOf(cluster: string): Bucket {
  const name = `aether-${cluster.replaceAll(".", "=")}`;
  return {
    stream: `KV_${name}`,
    prefix: `$KV.${name}.`,
    mirror: `aether.ctl.${cluster}.`,
  };
}

/** Creates the bucket where it is missing, and checks it. */
export async function provisionBucket(
  api: JetStreamApi,
  bucket: Bucket,
  options: { readonly provision: boolean; readonly replicas: number },
  deadline: Deadline,
  action: string,
): Promise<void> {
  const wanted = configOf(bucket, options.replicas);
  let info = await api.streamInfo(bucket.stream, deadline);
  if (info === undefined) {
    if (!options.provision) {
      throw new MisconfiguredError(
        `${action} as its bucket ${bucket.stream} does not exist and provision is false: ` +
          "start one node with a user who may create it",
        { details: { stream: bucket.stream } },
      );
    }
    info = await create(api, wanted, deadline, action);
  }
  check(bucket, wanted, (info["config"] ?? {}) as Record<string, unknown>);
}

function configOf({ mirror, prefix, stream }: Bucket, replicas: number) {
  return {
    name: stream,
    description: "Aether: leader, nodes and shard maps of a cluster",
    subjects: [`${prefix}>`],
    storage: "file",
    retention: "limits",
    discard: "new",
    max_msgs_per_subject: 1,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    duplicate_window: 100_000_000,
    allow_direct: false,
    allow_msg_ttl: true,
    subject_delete_marker_ttl: 60_000_000_000,
    allow_rollup_hdrs: true,
    deny_delete: true,
    republish: { src: `${prefix}>`, dest: `${mirror}>` },
    num_replicas: replicas,
  };
}

async function create(
  api: JetStreamApi,
  wanted: ReturnType<typeof configOf>,
  deadline: Deadline,
  action: string,
): Promise<Record<string, unknown>> {
  for (let pause = 20;; pause *= 2) {
    try {
      return await api.createStream(wanted, deadline) ??
        await api.streamInfo(wanted.name, deadline) ?? {};
    } catch (error) {
      if (isFault(error, "permission")) {
        throw new PermissionDeniedError(
          `${action} as its bucket ${wanted.name} does not exist and this NATS user may not create it: ` +
            "start one node with a user who may",
          { cause: error },
        );
      }
      // Seen while the server removes the folder of the last stream it had, and
      // where one of three was silent for a moment.
      const isBusy = error instanceof ApiRefusal &&
        (error.error.err_code === ApiCode.streamNotCreated ||
          error.error.err_code === ApiCode.noSuitablePeers);
      if (!isBusy || pause > 2_000) throw error;
      await deadline.pause(pause);
    }
  }
}

function check(
  { stream }: Bucket,
  wanted: ReturnType<typeof configOf>,
  found: Record<string, unknown>,
): void {
  const rules: [string, (value: unknown) => boolean][] = [
    ["subjects", (value) => String(value) === String(wanted.subjects)],
    ["storage", (value) => value === "file"],
    ["persist_mode", (value) => value !== "async"],
    ["retention", (value) => value === "limits"],
    ["max_msgs_per_subject", (value) => value === 1],
    ["allow_direct", (value) => value !== true],
    ["allow_msg_ttl", (value) => value === true],
    // Whatever a limit removes counts as never written.
    ["max_age", (value) => Number(value ?? 0) === 0],
    ["max_msgs", (value) => Number(value ?? -1) === -1],
    ["max_bytes", (value) => Number(value ?? -1) === -1],
    [
      "republish",
      (value) =>
        (value as { dest?: unknown } | undefined)?.dest ===
          wanted.republish.dest,
    ],
  ];
  for (const [field, isRight] of rules) {
    if (isRight(found[field])) continue;
    const needed = (wanted as Record<string, unknown>)[field] ?? "default";
    throw new MisconfiguredError(
      `Cannot use bucket ${stream} as its ${field} breaks a promise: found ${
        JSON.stringify(found[field]) ?? "nothing"
      }, needed ${JSON.stringify(needed)}`,
      { details: { stream, field, found: found[field] ?? null, needed } },
    );
  }
}
