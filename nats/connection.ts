import type { NatsConnection } from "@nats-io/nats-core";
import { UnsupportedServerError } from "../event/mod.ts";

/**
 * A connection of the NATS client, perhaps of another copy of it than ours: so
 * nothing here asks `instanceof`.
 *
 * @internal
 */
export type Connection = NatsConnection;

/** The oldest nats-server that keeps the promises. */
export const MIN_SERVER = "2.14.0";

/**
 * Refuses a server that is too old to keep the promises.
 *
 * @throws {UnsupportedServerError} `unsupported_server`: with the version found
 * and the one needed.
 */
export function assertServer(nc: Connection): void {
  const found = nc.info?.version;
  if (found === undefined || atLeast(found, MIN_SERVER)) return;
  throw new UnsupportedServerError(
    `Cannot use a nats-server older than ${MIN_SERVER}: ${nc.getServer()} runs ${found}, upgrade it`,
    { details: { found, needed: MIN_SERVER } },
  );
}

/** Compares two dotted versions; what follows a `-` does not count. */
export function atLeast(found: string, needed: string): boolean {
  const [a, b] = [numbers(found), numbers(needed)];
  for (let i = 0; i < 3; i++) {
    if (a[i]! !== b[i]!) return a[i]! > b[i]!;
  }
  return true;
}

function numbers(version: string): number[] {
  const [core] = version.replace(/^v/, "").split(/[-+]/);
  const parts = core!.split(".").map((part) => Number.parseInt(part, 10) || 0);
  return [parts[0] ?? 0, parts[1] ?? 0, parts[2] ?? 0];
}
