/** Purses that pay each other, and everything else a decision may promise. */
import { defineActor, Rejected, type RejectedSend } from "@flowmade/aether";

const Base = defineActor("purse", {
  state: () => ({
    coins: 0,
    log: [] as readonly string[],
    isClosed: false,
  }),
  events: {
    Put: (s, e: { coins: number }) => ({ ...s, coins: s.coins + e.coins }),
    Taken: (s, e: { coins: number }) => ({ ...s, coins: s.coins - e.coins }),
    Said: (s, e: { text: string }) => ({ ...s, log: [...s.log, e.text] }),
    Closed: (s) => ({ ...s, isClosed: true }),
    Opened: (s) => ({ ...s, isClosed: false }),
  },
  snapshotEvery: 5,
}).commands({
  put(s, c: { coins: number }) {
    if (s.isClosed) throw new Rejected("closed", "nothing goes in", { at: 1 });
    return { type: "Put", data: { coins: c.coins } };
  },
  say: (_s, text: string) => ({ type: "Said", data: { text } }),
});

/** Purses for which a command fails, by `<key>/<text>`, so often. */
export const failures = new Map<string, number>();

/** A purse with a command for each promise a test wants to see. */
export const Purse = Base.commands({
  close: () => ({ type: "Closed" }),
  open: () => ({ type: "Opened" }),
  pay(s, c: { to: string; coins: number }, ctx) {
    if (c.coins > s.coins) throw new Rejected("too_few", `only ${s.coins}`);
    ctx.send(Base, c.to, { onRejected: "takeBack" }).put({ coins: c.coins });
    return { type: "Taken", data: { coins: c.coins } };
  },
  takeBack: (_s, no: RejectedSend<{ coins: number }>) => [
    { type: "Put", data: { coins: no.input.coins } },
    { type: "Said", data: { text: `${no.by}: ${no.reason}` } },
  ],
  noted: (_s, no: RejectedSend) => ({
    type: "Said",
    data: { text: `${no.by} ${no.command}: ${no.reason}` },
  }),
  /** Sends, and changes nothing. */
  tell(_s, c: { to: string; texts: readonly string[] }, ctx) {
    for (const text of c.texts) ctx.send(Base, c.to).say(text);
    return [];
  },
  shower(_s, c: { to: string; times: number }, ctx) {
    for (let i = 0; i < c.times; i++) ctx.send(Base, c.to).put({ coins: 1 });
  },
  tellFailing(_s, c: { to: string; texts: readonly string[] }, ctx) {
    const to = ctx.send<typeof Purse>("purse", c.to) as unknown as {
      sayOrFail(text: string): void;
    };
    for (const text of c.texts) to.sayOrFail(text);
  },
  sayOrFail(_s, text: string, ctx) {
    const key = `${ctx.key}/${text}`;
    const left = failures.get(key) ?? 0;
    if (left > 0) {
      failures.set(key, left - 1);
      throw new TypeError(`not yet: ${left}`);
    }
    return { type: "Said", data: { text } };
  },
  putUnheard(_s, c: { to: string; coins: number }, ctx) {
    ctx.send(Base, c.to).put({ coins: c.coins });
  },
  remind(
    _s,
    c: { name: string; after: number; text: string },
    ctx,
  ) {
    ctx.schedule(c.name, { after: c.after }, "say", c.text);
    return [];
  },
  remindAt(_s, c: { name: string; at: number; text: string }, ctx) {
    ctx.schedule(c.name, new Date(c.at), "sayOrFail", c.text);
  },
  forget: (_s, name: string, ctx) => ctx.cancel(name),
  /** Says how often it has ticked, until it has three times. */
  tick(s, c: { after: number }, ctx) {
    const ticks = s.log.filter((text) => text === "tick").length + 1;
    if (ticks < 3) ctx.schedule("tick", { after: c.after }, "tick", c);
    return { type: "Said", data: { text: "tick" } };
  },
  warn(_s, text: string, ctx) {
    ctx.publish({ type: "Warned", data: { text } });
  },
  promiseAndReject(_s, to: string, ctx) {
    ctx.send(Base, to).say("never");
    ctx.schedule("never", { after: 1 }, "say", "never");
    ctx.publish({ type: "Never" });
    throw new Rejected("changed_my_mind");
  },
  promiseAndFail(_s, to: string, ctx) {
    ctx.send(Base, to).say("never");
    throw new Error("boom");
  },
  sendUnknown(_s, to: string, ctx) {
    (ctx.send(Base, to) as unknown as { dance(): void }).dance();
  },
  scheduleUnknown: (_s, _c: undefined, ctx) =>
    ctx.schedule("t", { after: 1 }, "dance"),
  promiseTooMuch(_s, to: string, ctx) {
    ctx.send(Base, to).say("x".repeat(50_000));
  },
}).queries({
  coins: (s) => s.coins,
  log: (s) => s.log,
});
