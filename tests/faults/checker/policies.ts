/**
 * Policies: whatever event one is on is answered by exactly one event, behind it,
 * and what it does for the events of one actor at one target is in their order.
 */
import { at } from "./_place.ts";
import { type Effects, isUnheard } from "./commands.ts";
import type { EventPlace, PolicyRule, Rules } from "./rules.ts";
import type { RecordedEvent, RunRecord } from "./record.ts";
import type { Findings } from "./verdict.ts";

/** Checks each policy, in one pass over the log and one over what it was on. */
export function checkPolicies(
  record: RunRecord,
  { policies = [] }: Rules,
  effects: Effects,
  findings: Findings,
): void {
  for (const policy of policies) {
    checkPolicy(policy, record, effects, findings);
  }
}

function checkPolicy(
  policy: PolicyRule,
  { log, parked }: RunRecord,
  effects: Effects,
  findings: Findings,
): void {
  const report = (what: string) =>
    findings.report("policies", `policy "${policy.name}" ${what}`);
  const sources = new Map<string, { event: RecordedEvent; answers: number }>();
  for (const event of log) {
    if (policy.on(event)) sources.set(keyOf(event), { event, answers: 0 });
  }
  const latest = new Map<string, number>();
  for (const answer of log) {
    const place = policy.source(answer);
    if (place === undefined) continue;
    const source = sources.get(keyOf(place));
    const about = `about ${place.actorId}@${place.version}`;
    if (source === undefined || source.event.sequence >= answer.sequence) {
      report(`led to ${at(answer)} ${about}, which was not there`);
      continue;
    }
    if (++source.answers > 1) {
      report(`led to ${at(answer)} ${about} once more`);
      continue;
    }
    const lane = `${place.actorId} ${answer.actorId}`;
    const before = latest.get(lane) ?? 0;
    if (place.version < before) {
      report(`led to ${at(answer)} ${about}, behind that about ${before}`);
    }
    latest.set(lane, Math.max(before, place.version));
  }
  const waiting = new Set(parked);
  for (const { answers, event } of sources.values()) {
    findings.looked("policies");
    if (answers > 0) continue;
    const id = policy.commandId?.(event) ?? "";
    const [effect] = effects.get(id) ?? [];
    if (effect === undefined) {
      if (!waiting.has(id)) report(`did nothing about ${at(event)}`);
    } else if (isUnheard(id, effect, waiting)) {
      report(`was rejected about ${at(event)}, and that is not parked`);
    }
  }
}

function keyOf({ actorId, version }: EventPlace): string {
  return `${actorId}@${version}`;
}
