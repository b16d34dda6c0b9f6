/**
 * Timers: of each name an actor has one setting at most; the next setting takes its
 * place, and a cancellation ends it. A setting that nothing has ended fires once and
 * not before it is due; one that has ended does not fire behind its end.
 *
 * Whether a setting had fired when it was ended is told by the log alone, as the
 * commits of one actor are in line. Times are compared by the server's clock, which
 * rings the alarms too.
 */
import { type Effects, isBlind, isUnheard, named } from "./commands.ts";
import type { RecordedEffect, RunRecord } from "./record.ts";
import type { Rules } from "./rules.ts";
import type { Findings } from "./verdict.ts";

/** Follows the timers of each actor along the log. */
export function checkTimers(
  record: RunRecord,
  rules: Rules,
  effects: Effects,
  findings: Findings,
): void {
  const parked = new Set(record.parked);
  const live = new Map<string, RecordedEffect>();
  const check = (setting: RecordedEffect, end?: RecordedEffect) =>
    checkSetting(setting, end, { record, rules, effects, parked, findings });
  const inOrder = record.effects.filter(({ kind }) => kind !== "send")
    .sort((one, other) => one.sequence - other.sequence);
  for (const effect of inOrder) {
    const key = `${effect.from} ${effect.name}`;
    const before = live.get(key);
    if (before !== undefined) check(before, effect);
    if (effect.kind === "schedule") live.set(key, effect);
    else live.delete(key);
  }
  for (const setting of live.values()) check(setting);
}

interface Scene {
  readonly record: RunRecord;
  readonly rules: Rules;
  readonly effects: Effects;
  readonly parked: ReadonlySet<string>;
  readonly findings: Findings;
}

function checkSetting(
  { due = 0, from, id, name, sequence, to }: RecordedEffect,
  end: RecordedEffect | undefined,
  { effects, findings, parked, record, rules }: Scene,
): void {
  const what = `timer "${name}" of ${from}, set at sequence ${sequence},`;
  const places = effects.get(id) ?? [];
  const [fired] = places;
  if (fired === undefined) {
    if (isBlind(record)) return;
    findings.looked("timers");
    const { settledAt = Infinity } = record;
    if (end !== undefined || parked.has(id) || due > settledAt) return;
    findings.report("timers", `${what} never fired`);
    return;
  }
  findings.looked("timers");
  if (places.length > 1) {
    findings.report("timers", `${what} fired ${places.map(named)}`);
  }
  if (fired.actorId !== to || fired.sequence <= sequence) {
    findings.report("timers", `${what} fired ${named(fired)}`);
  }
  if (isUnheard(id, fired, parked)) {
    findings.report("timers", `${what} was rejected, and is not parked`);
  }
  const { earliness = 1_000 } = rules;
  const { storedAt } = fired;
  if (storedAt !== undefined && storedAt < due - earliness) {
    findings.report(
      "timers",
      `${what} fired ${due - storedAt} ms before it was due`,
    );
  }
  for (const { sequence: later } of places) {
    if (end === undefined || later <= end.sequence) continue;
    const ended = end.kind === "cancel" ? "cancelled" : "replaced";
    findings.report(
      "timers",
      `${what} was ${ended} at ${end.sequence}, and fired at ${later}`,
    );
  }
}
