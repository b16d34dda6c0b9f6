/**
 * Listing actors by a consumer that sees the headers of each subject's last
 * message: the stream's own subject listing was seen to hold appends up for a
 * quarter of a second at 400,000 subjects.
 */
import { CommitHeader, parseTrail, ulid } from "../event/mod.ts";
import { type Deadline, Fault, isFault, RawHeaders } from "../nats/mod.ts";
import type { Context } from "./_context.ts";
import { actorOf } from "./_pages.ts";

/** The ids of all actors, or those of one type, by their last activity. */
export async function* listActors(
  context: Context,
  type: string | undefined,
  deadline: () => Deadline,
): AsyncGenerator<readonly string[], void, undefined> {
  const { bulk, eventStream, subjects } = context;
  const filter = type === undefined
    ? subjects.allEvents
    : subjects.eventsOfType(type);
  const target = (await bulk.last(eventStream, filter, deadline()))?.sequence ??
    0;
  // A consumer may sit on a replica that is behind, or go with its server: then
  // another one goes on. Both show actors again whose last commit is a newer one.
  // (Where it was in an earlier page, such an actor stands where the replica had it.
  // What fits into one page is in the order of the last commits.)
  const told: number[] = [];
  let position = 0;
  for (let rounds = 0; position < target;) {
    const limit = deadline();
    const name = `aether-list-${ulid()}`;
    try {
      await createLister(context, name, filter, limit);
      for (let more = true; more;) {
        const page = await pull(context, name, deadline());
        more = page.length === PAGE;
        const last = page.at(-1)?.sequence ?? 0;
        if (position === 0 && !more && last < target) break;
        // A replica that catches up meanwhile shows an actor twice.
        const newest = new Map(
          page.map(({ sequence, subject }) => [subject, sequence]),
        );
        for (const listed of page) {
          if (listed.sequence <= position) continue;
          position = listed.sequence;
          if (newest.get(listed.subject) !== position) continue;
          const again = listed.trail.some((sequence) => holds(told, sequence));
          told.push(position);
          if (again) continue;
          const id = actorOf(listed.subject);
          if (id !== undefined) yield [id];
        }
      }
      if (position < target) context.stats.staleReads++;
    } catch (error) {
      if (!isFault(error, "timeout", "no_responders", "disconnected")) {
        throw error;
      }
      if (rounds >= MAX_ROUNDS) throw error;
      await bulk.link.ready(limit.left, limit.signal);
    } finally {
      await bulk.deleteConsumer(eventStream, name, deadline()).catch(() => {});
    }
    if (position >= target) return;
    if (++rounds > MAX_ROUNDS) {
      throw new Fault("timeout", `${bulk.prefix}.CONSUMER.CREATE`, true);
    }
    await limit.pause(Math.min(10 * rounds, 500));
  }
}

interface Listed {
  readonly subject: string;
  readonly sequence: number;
  /** Sequences of the actor's commits before it, newest first. */
  readonly trail: readonly number[];
}

/** Binary search in rising numbers. */
function holds(rising: readonly number[], wanted: number): boolean {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rising[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return rising[low] === wanted;
}

async function createLister(
  { bulk, eventStream }: Context,
  name: string,
  filter: string,
  deadline: Deadline,
): Promise<void> {
  const config = {
    name,
    filter_subject: filter,
    deliver_policy: "last_per_subject",
    ack_policy: "none",
    replay_policy: "instant",
    headers_only: true,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: 60_000_000_000, // ns: gone a minute after its last use
  };
  await bulk.createConsumer(eventStream, config, deadline);
}

// Messages of a pull come under their own subjects, so each pull has an inbox.
function pull(
  context: Context,
  consumer: string,
  deadline: Deadline,
): Promise<Listed[]> {
  const { bulk, eventStream } = context;
  const { link } = bulk;
  const subject = `${bulk.prefix}.CONSUMER.MSG.NEXT.${eventStream}.${consumer}`;
  return new Promise((resolve, reject) => {
    const page: Listed[] = [];
    const inbox = link.newInbox();
    const end = (settle: () => void) => {
      cancel();
      stop();
      deadline.signal?.removeEventListener("abort", onAbort);
      if (!link.connection.isClosed()) subscription.unsubscribe();
      settle();
    };
    const onAbort = () => end(() => reject(deadline.signal!.reason));
    const subscription = link.connection.subscribe(inbox, {
      callback: (error, msg) => {
        if (error !== null) {
          return end(() => reject(new Fault("permission", inbox, true)));
        }
        if (msg.reply?.startsWith("$JS.ACK.")) {
          page.push({
            subject: msg.subject,
            sequence: streamSequence(msg.reply),
            trail: parseTrail(RawHeaders.of(msg).get(CommitHeader.trail)),
          });
          if (page.length === PAGE) end(() => resolve(page));
          return;
        }
        const { status } = RawHeaders.of(msg);
        if (status === 503) {
          end(() => reject(new Fault("no_responders", subject, true)));
        } else if (status === 404 || status === 408) end(() => resolve(page));
        else end(() => reject(new Fault("no_responders", subject, true)));
      },
    });
    const cancel = deadline.clock.timer(
      deadline.left,
      () => end(() => reject(new Fault("timeout", subject, true))),
    );
    const stop = link.onChange(() => {
      if (!link.connected) {
        end(() => reject(new Fault("disconnected", subject, true)));
      }
    });
    if (deadline.signal?.aborted) return onAbort();
    deadline.signal?.addEventListener("abort", onAbort, { once: true });
    if (!link.connected) {
      return end(() => reject(new Fault("disconnected", subject, false)));
    }
    link.publish(
      subject,
      JSON.stringify({ batch: PAGE, no_wait: true }),
      undefined,
      inbox,
    );
  });
}

// $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.… or, with domain and
// account in front, four tokens more.
function streamSequence(reply: string): number {
  const tokens = reply.split(".");
  return Number(tokens.length <= 9 ? tokens[5] : tokens[7]);
}

const PAGE = 1_000;
/** So often a listing starts again. */
const MAX_ROUNDS = 20;
