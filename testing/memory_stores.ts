import { InMemoryEventStore, InMemoryLog } from "../store/mod.ts";
import type { StoreFaults } from "./store_contract.ts";

/**
 * In-memory stores by namespace: all stores of one namespace share a log, as
 * processes share a server. What happens to a log behind the stores' backs can be
 * made to happen here.
 *
 * @example Two writers, and a commit that gets lost
 * ```ts
 * import { InMemoryStores } from "@flowmade/aether/testing";
 * import assert from "node:assert/strict";
 *
 * const stores = new InMemoryStores();
 * await using one = await stores.open("bank");
 * await using other = await stores.open("bank");
 * const { sequence } = await one.append("account-ada", [{ eventType: "Opened" }]);
 * await other.append("account-ada", [{ eventType: "Closed" }]);
 *
 * await stores.deleteCommit("bank", sequence);
 * await assert.rejects(one.getEvents("account-ada"), { code: "corrupt_log" });
 * ```
 */
export class InMemoryStores implements StoreFaults {
  readonly #logs = new Map<string, InMemoryLog>();

  /** Makes a registry without any namespace. */
  constructor() {}

  /** Opens another store on a namespace. */
  open(
    namespace: string,
    options: { readonly maxPayload?: number } = {},
  ): Promise<InMemoryEventStore> {
    const log = this.#log(namespace);
    return Promise.resolve(
      new InMemoryEventStore({ ...options, namespace, log }),
    );
  }

  /** Writes a message past every check of the store. */
  writeRaw(
    namespace: string,
    actorId: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
    contentType: string,
  ): Promise<void> {
    this.#log(namespace).write(actorId, {
      headers: { ...headers, "content-type": contentType },
      body,
    });
    return Promise.resolve();
  }

  /** Removes a commit from the log. */
  deleteCommit(namespace: string, sequence: number): Promise<void> {
    if (!this.#log(namespace).remove(sequence)) {
      throw new RangeError(
        `Cannot remove a commit that is not there: got ${sequence}`,
      );
    }
    return Promise.resolve();
  }

  /** Removes all commits and starts again at sequence 1; snapshots stay. */
  recreate(namespace: string): Promise<void> {
    this.#log(namespace).recreate();
    return Promise.resolve();
  }

  /** Overwrites the body of an actor's snapshot. */
  writeSnapshot(
    namespace: string,
    actorId: string,
    body: Uint8Array,
  ): Promise<void> {
    this.#log(namespace).writeSnapshot(actorId, body);
    return Promise.resolve();
  }

  /** Forgets a namespace and all it holds. */
  forget(namespace: string): void {
    this.#logs.delete(namespace);
  }

  #log(namespace: string): InMemoryLog {
    let log = this.#logs.get(namespace);
    if (log === undefined) {
      log = new InMemoryLog(namespace);
      this.#logs.set(namespace, log);
    }
    return log;
  }
}
