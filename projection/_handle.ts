/** What a projection is asked by: it reads the views, wherever they are folded. */
import {
  type AetherError,
  type Clock,
  DeadlineExceededError,
  InvalidArgumentError,
} from "../event/mod.ts";
import type { ProjectionRunner } from "./_runner.ts";
import { checkTimeout, OF, ONE, STATE, type ViewStore } from "./_views.ts";
import type { AnyProjection } from "./definition.ts";
import { handlerOf, onlyType } from "./on.ts";
import type {
  CallOptions,
  ManyViews,
  OneView,
  ProjectionStatus,
  Receipt,
  ViewDocument,
} from "./types.ts";

/** Reads the view of a projection. */
export class ViewHandle implements OneView<unknown>, ManyViews<unknown> {
  readonly #projection: AnyProjection;
  readonly #views: ViewStore;
  readonly #clock: Clock;
  readonly #runner: ProjectionRunner | undefined;

  /** Without `runner`, it is folded elsewhere. */
  constructor(
    projection: AnyProjection,
    views: ViewStore,
    clock: Clock,
    runner: ProjectionRunner | undefined,
  ) {
    this.#projection = projection;
    this.#views = views;
    this.#clock = clock;
    this.#runner = runner;
  }

  get name(): string {
    return this.#projection.name;
  }

  async get(first?: unknown, second?: CallOptions): Promise<unknown> {
    const projection = this.#projection;
    if (projection.key === undefined) {
      const options = first as CallOptions | undefined;
      const found = await this.#views.read(projection, ONE, options);
      return found?.value ?? projection.initial();
    }
    if (typeof first !== "string" || first === "") {
      throw new InvalidArgumentError(
        `Cannot read a document of projection "${this.name}" without its key: got ${typeof first}`,
      );
    }
    return (await this.#views.read(projection, OF + first, second))?.value;
  }

  list(options?: CallOptions): AsyncIterable<ViewDocument<unknown>> {
    if (this.#projection.key === undefined) {
      throw new InvalidArgumentError(
        `Cannot list the documents of projection "${this.name}" as it has one: get it`,
      );
    }
    return this.#views.list(this.#projection, options);
  }

  status(): ProjectionStatus {
    return this.#runner?.status ?? { active: false, position: 0 };
  }

  async caughtUpTo(
    receipt?: Receipt,
    options: CallOptions = {},
  ): Promise<void> {
    const { signal, timeout = 10_000 } = options;
    const action = `Cannot wait for projection "${this.name}"`;
    const until = this.#clock.monotonic() + checkTimeout(action, timeout);
    const target = await this.#targetOf(receipt, options);
    for (let pause = 5;; pause = Math.min(200, pause * 2)) {
      signal?.throwIfAborted();
      const failure = this.#runner?.failureBefore(target);
      if (failure !== undefined) throw failure;
      const position = await this.#position(options);
      if (position >= target) return;
      const left = until - this.#clock.monotonic();
      if (left <= 0) throw this.#late(target, position);
      await this.#changed(Math.min(pause, left), signal);
    }
  }

  /** The sequence at which all that a receipt tells of is in the view. */
  async #targetOf(
    receipt: Receipt | undefined,
    options: CallOptions,
  ): Promise<number> {
    const { on } = this.#projection;
    if (typeof receipt === "number" || receipt === undefined) {
      // Behind its end, of one actor type, nothing may come for a long time.
      const end = await this.#views.end(onlyType(on), options);
      return Math.min(receipt ?? end, end);
    }
    const events = "events" in receipt ? receipt.events : [receipt];
    return Math.max(
      0,
      ...events.filter((event) => handlerOf(on, event) !== undefined)
        .map(({ sequence }) => sequence),
    );
  }

  async #position(options: CallOptions): Promise<number> {
    const runner = this.#runner;
    if (runner?.status.active) {
      runner.wake(); // commits without events come without a word
      return runner.status.position;
    }
    const items = this.#projection.key === undefined ? [STATE, ONE] : [STATE];
    const found = await Promise.all(
      items.map((item) => this.#views.read(this.#projection, item, options)),
    );
    return Math.max(...found.map((kept) => kept?.sequence ?? 0));
  }

  #changed(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        stop?.();
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const cancel = this.#clock.timer(ms, end);
      const stop = this.#runner?.watch(end);
      signal?.addEventListener("abort", end, { once: true });
    });
  }

  #late(target: number, position: number): AetherError {
    return new DeadlineExceededError(
      `Cannot wait any longer until projection "${this.name}" shows sequence ${target}: it is at ${position}`,
      { details: { projection: this.name, target, position } },
    );
  }
}
