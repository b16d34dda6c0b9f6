/**
 * Commands that were stored with a decision: each takes effect at its target, once,
 * behind the commit that stores it and in the order in which its sender sent them
 * there; or it is parked. Of one that was rejected the sender is told once, if it
 * asked; if it did not, the command is parked.
 */
import {
  type Effect,
  type Effects,
  isBlind,
  isUnheard,
  named,
} from "./commands.ts";
import type { RecordedEffect, RunRecord } from "./record.ts";
import type { Findings } from "./verdict.ts";

/** Follows each send to where it took effect. */
export function checkSends(
  record: RunRecord,
  effects: Effects,
  findings: Findings,
): void {
  const parked = new Set(record.parked);
  const latest = new Map<string, number>();
  for (const send of record.effects) {
    if (send.kind !== "send") continue;
    const { from, id, rejectionId, to } = send;
    const what = `command ${id}, sent by ${from} to ${to}`;
    const effect = checkOne(
      { id, from, to, what, behind: send.sequence, record, parked },
      effects,
      findings,
    );
    if (effect === undefined) {
      checkUntold(send, effects, findings);
      continue;
    }
    const lane = `${from} ${to}`;
    const before = latest.get(lane) ?? 0;
    if (effect.sequence < before) {
      findings.report(
        "effects",
        `${what}, took effect ${named(effect)}, and a later one at ${before}`,
      );
    }
    latest.set(lane, Math.max(before, effect.sequence));
    if (effect.rejected === undefined) checkUntold(send, effects, findings);
    else if (rejectionId !== undefined) {
      const behind = effect.sequence;
      const word = `the word that ${what}, was rejected`;
      checkOne(
        {
          id: rejectionId,
          from: to,
          to: from,
          what: word,
          behind,
          record,
          parked,
        },
        effects,
        findings,
      );
    } else if (isUnheard(id, effect, parked)) {
      findings.report("effects", `${what}, was rejected, and is not parked`);
    }
  }
}

/** A command that somebody's commit has led to. */
interface Sent {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly what: string;
  /** Sequence of what has led to it. */
  readonly behind: number;
  readonly record: RunRecord;
  readonly parked: ReadonlySet<string>;
}

/** Where it took effect, if it did; all else is reported. */
function checkOne(
  { behind, id, parked, record, to, what }: Sent,
  effects: Effects,
  findings: Findings,
): Effect | undefined {
  const places = effects.get(id) ?? [];
  const [effect] = places;
  if (effect === undefined) {
    if (isBlind(record)) return undefined;
    findings.looked("effects");
    if (!parked.has(id)) {
      findings.report("effects", `${what}, is neither done nor parked`);
    }
    return undefined;
  }
  findings.looked("effects");
  if (places.length > 1) {
    findings.report("effects", `${what}, took effect ${places.map(named)}`);
  }
  if (effect.actorId !== to) {
    findings.report("effects", `${what}, took effect ${named(effect)}`);
  }
  if (effect.sequence <= behind) {
    findings.report(
      "effects",
      `${what} at sequence ${behind}, took effect ${named(effect)} before`,
    );
  }
  return effect;
}

/** Nobody is told of a rejection that there was not. */
function checkUntold(
  { id, rejectionId }: RecordedEffect,
  effects: Effects,
  findings: Findings,
): void {
  const [told] = effects.get(rejectionId ?? "") ?? [];
  if (told === undefined) return;
  findings.report(
    "effects",
    `command ${id} was told as rejected ${named(told)}, and it was not`,
  );
}
