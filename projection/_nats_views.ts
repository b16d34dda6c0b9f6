/**
 * Views on a server: a stream of their own for each namespace, `AETHER=VIEW=<ns>`,
 * one message a subject: `aether.view.<ns>.<projection>.v<version>.<item>`. Reads of
 * one document go to the stream's leader, so that what was acknowledged is seen; a
 * listing comes in batches from any replica.
 */
import {
  type Clock,
  CommitHeader,
  CorruptLogError,
  decodeToken,
  encodeToken,
  MisconfiguredError,
  StoreUnavailableError,
  streamNames,
  type Subjects,
  subjectsOf,
} from "../event/mod.ts";
import {
  type Connection,
  Deadline,
  faultToError,
  JetStreamApi,
  Link,
  refusalToError,
  replaceMessage,
} from "../nats/mod.ts";
import type { CallOptions } from "./types.ts";
import {
  checkTimeout,
  type Content,
  decodeContent,
  type Kept,
  OF,
  STATE,
  type ViewName,
  type ViewStore,
} from "./_views.ts";

/** How views on a server are opened. */
export interface NatsViewsOptions {
  /** Whose views. */
  readonly namespace: string;
  /** Where time comes from. */
  readonly clock: Clock;
  /** `false` never creates the stream. */
  readonly provision?: boolean | undefined;
}

/** The views of a namespace on a server. */
export class NatsViews implements ViewStore {
  readonly #api: JetStreamApi;
  readonly #options: NatsViewsOptions;
  readonly #subjects: Subjects;
  readonly #events: string;
  readonly #stream: string;
  #provisioned: Promise<void> | undefined;

  /** Sends nothing until it is used. */
  constructor(connection: Connection, options: NatsViewsOptions) {
    const { clock, namespace } = options;
    const { events, views } = streamNames(namespace);
    this.#api = new JetStreamApi(new Link(connection, { clock }));
    this.#options = options;
    this.#subjects = subjectsOf(namespace);
    this.#events = events;
    this.#stream = views;
  }

  /** Uses the server no more; the connection stays open. */
  close(): Promise<void> {
    return this.#api.link.close();
  }

  read(
    view: ViewName,
    item: string,
    options?: CallOptions,
  ): Promise<Kept | undefined> {
    return this.#do(`read "${view.name}"`, options, async (deadline) => {
      const subject = this.#subject(view, item);
      const found = await this.#api.last(this.#stream, subject, deadline);
      if (found === undefined) return undefined;
      return {
        ...decodeContent(found.data, subject),
        revision: found.sequence,
      };
    });
  }

  write(
    view: ViewName,
    item: string,
    content: Content,
    expected: number,
  ): Promise<number | undefined> {
    return this.#do(
      `write "${view.name}"`,
      {},
      (deadline) =>
        replaceMessage(this.#api, {
          stream: this.#stream,
          subject: this.#subject(view, item),
          text: JSON.stringify(content),
          expected,
        }, deadline),
    );
  }

  async *list(
    view: ViewName,
    options?: CallOptions,
  ): AsyncGenerator<{ readonly key: string; readonly value: unknown }> {
    const filter = this.#subject(view, "*");
    const seen = new Set<string>();
    for (let from = 1;;) {
      const page: { readonly key: string; readonly value: unknown }[] = [];
      const { count, pending } = await this.#do(
        `list "${view.name}"`,
        options,
        (deadline) =>
          this.#api.directBatch(
            this.#stream,
            from,
            filter,
            { batch: PAGE },
            deadline,
            ({ data, sequence, subject }) => {
              from = sequence + 1;
              const item = subject.slice(subject.lastIndexOf(".") + 1);
              // What was replaced while it was being listed comes again.
              if (!item.startsWith(OF) || seen.has(item)) return;
              seen.add(item);
              const { value } = decodeContent(data, subject);
              if (value === undefined) return;
              page.push({ key: keyOf(item, subject), value });
            },
          ),
      );
      yield* page;
      if (count === 0 || pending === 0) return;
    }
  }

  versions(name: string): Promise<number[]> {
    return this.#do(`look for "${name}"`, {}, async (deadline) => {
      const filter = this.#subjects.view(encodeToken(name), "*", STATE);
      const versions: number[] = [];
      for (let from = 1;;) {
        const found = await this.#api.next(
          this.#stream,
          from,
          filter,
          deadline,
        );
        if (found === undefined) return versions.sort((a, b) => a - b);
        const version = Number(found.subject.split(".").at(-2)!.slice(1));
        if (Number.isSafeInteger(version)) versions.push(version);
        from = found.sequence + 1;
      }
    });
  }

  remove(view: ViewName): Promise<void> {
    return this.#do(
      `remove "${view.name}"`,
      {},
      (deadline) =>
        this.#api.purgeStream(
          this.#stream,
          this.#subject(view, "*"),
          deadline,
        ),
    );
  }

  commitAt(sequence: number): Promise<string | undefined> {
    return this.#do("look into the log", {}, async (deadline) => {
      const found = await this.#api.at(this.#events, sequence, deadline);
      return found?.headers.get(CommitHeader.commit) || undefined;
    });
  }

  end(type: string | undefined, options?: CallOptions): Promise<number> {
    return this.#do("look where the log ends", options, async (deadline) => {
      if (type !== undefined) {
        const filter = this.#subjects.eventsOfType(type);
        const last = await this.#api.last(this.#events, filter, deadline);
        return last?.sequence ?? 0;
      }
      const info = await this.#api.streamInfo(this.#events, deadline);
      const state = info?.["state"] as { last_seq: number } | undefined;
      return state?.last_seq ?? 0;
    });
  }

  async #do<T>(
    what: string,
    options: CallOptions = {},
    run: (deadline: Deadline) => Promise<T>,
  ): Promise<T> {
    const action = `Cannot ${what} of "${this.#options.namespace}"`;
    const { signal, timeout = 10_000 } = options;
    const deadline = new Deadline(
      this.#options.clock,
      checkTimeout(action, timeout),
      signal,
    );
    try {
      this.#provisioned ??= this.#provision();
      await this.#provisioned.catch((error) => {
        this.#provisioned = undefined;
        throw error;
      });
      return await run(deadline);
    } catch (error) {
      throw refusalToError(faultToError(error, action), action);
    }
  }

  async #provision(): Promise<void> {
    const { clock, namespace, provision } = this.#options;
    const deadline = new Deadline(clock, 10_000);
    const api = this.#api;
    let info = await api.streamInfo(this.#stream, deadline);
    if (info === undefined && provision !== false) {
      const source = await api.streamInfo(this.#events, deadline);
      const config = (source?.["config"] ?? {}) as { num_replicas?: number };
      const wanted = {
        name: this.#stream,
        description: `Aether: what projections have made of ${namespace}`,
        subjects: [this.#subjects.allViews],
        storage: "file",
        retention: "limits",
        discard: "old",
        max_msgs_per_subject: 1,
        duplicate_window: 100_000_000,
        allow_direct: true,
        num_replicas: config.num_replicas ?? 1,
      };
      info = await api.createStream(wanted, deadline) ??
        await api.streamInfo(this.#stream, deadline);
    }
    if (info === undefined) {
      throw new StoreUnavailableError(
        `Cannot use the views of "${namespace}" as there is no stream ${this.#stream}: let somebody who may create it start a node with a projection first`,
        { details: { missing: this.#stream } },
      );
    }
    checkStream(this.#stream, info["config"] as Record<string, unknown>);
  }

  #subject({ name, version }: ViewName, item: string): string {
    const token = item.startsWith(OF)
      ? OF + encodeToken(item.slice(OF.length))
      : item;
    return this.#subjects.view(encodeToken(name), `v${version}`, token);
  }
}

function checkStream(name: string, config: Record<string, unknown>): void {
  const { allow_direct, max_age, max_msgs_per_subject, storage } = config;
  if (
    allow_direct === true && max_msgs_per_subject === 1 &&
    storage === "file" && (max_age ?? 0) === 0
  ) return;
  throw new MisconfiguredError(
    `Cannot use stream ${name} as it has to be of files, allow_direct, without max_age, and keep 1 message a subject: found ${
      JSON.stringify({ allow_direct, max_age, max_msgs_per_subject, storage })
    }`,
  );
}

function keyOf(item: string, subject: string): string {
  try {
    return decodeToken(item.slice(OF.length));
  } catch (cause) {
    throw new CorruptLogError(
      `Cannot read ${subject} as its last token is no key that a projection stores under`,
      { cause, details: { subject } },
    );
  }
}

/** Documents of one batch of a listing. */
const PAGE = 500;
