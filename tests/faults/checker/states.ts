/**
 * States that somebody saw or kept, held against the fold of the events they are to
 * include: those of reads (I3) and of snapshots (I6). The log is folded once, and
 * each claim compared where its version is reached.
 */
import { at, typeOf } from "./_place.ts";
import { same, shown } from "./_same.ts";
import type { RunRecord } from "./record.ts";
import type { ActorRule, Rules } from "./rules.ts";
import type { Findings } from "./verdict.ts";

/** Somebody's word that an actor's state at a version is this. */
interface Claim {
  readonly invariant: "I3" | "I6";
  readonly what: string;
  readonly state: unknown;
}

/** Claims by actor and version. */
type Claims = Map<string, Map<number, Claim[]>>;

/** Folds the log, and compares. */
export function checkStates(
  record: RunRecord,
  rules: Rules,
  findings: Findings,
): void {
  const claims = claimsOf(record, rules);
  const compare = (actorId: string, version: number, state: unknown) => {
    const ofActor = claims.get(actorId);
    for (const claim of ofActor?.get(version) ?? []) {
      findings.looked(claim.invariant);
      if (same(claim.state, state)) continue;
      findings.report(
        claim.invariant,
        `${claim.what} is ${shown(claim.state)}, and the fold is ${
          shown(state)
        }`,
      );
    }
    ofActor?.delete(version);
  };
  for (const actorId of claims.keys()) {
    compare(actorId, 0, ruleFor(actorId, rules)!.initial());
  }

  const states = new Map<string, unknown>();
  const unfoldable = new Set<string>();
  for (const event of record.log) {
    const { actorId, version } = event;
    const rule = ruleFor(actorId, rules);
    if (rule === undefined || unfoldable.has(actorId)) continue;
    const before = states.has(actorId) ? states.get(actorId) : rule.initial();
    let state: unknown;
    try {
      state = rule.apply(before, event);
    } catch (error) {
      unfoldable.add(actorId);
      findings.report("I6", `${at(event)} cannot be folded: ${error}`);
      continue;
    }
    states.set(actorId, state);
    const broken = rule.broken?.(state);
    if (rule.broken !== undefined) findings.looked("I3");
    if (broken !== undefined) {
      findings.report("I3", `no state allows ${at(event)}: ${broken}`);
    }
    compare(actorId, version, state);
  }

  for (const [actorId, ofActor] of claims) {
    if (unfoldable.has(actorId)) continue;
    for (const [version, left] of ofActor) {
      for (const { invariant, what } of left) {
        findings.looked(invariant);
        findings.report(
          invariant,
          `${what} includes version ${version}, which the log does not have`,
        );
      }
    }
  }
}

function claimsOf({ journal, snapshots }: RunRecord, rules: Rules): Claims {
  const claims: Claims = new Map();
  const add = (actorId: string, version: number, claim: Claim) => {
    if (ruleFor(actorId, rules) === undefined) return;
    let ofActor = claims.get(actorId);
    if (ofActor === undefined) claims.set(actorId, ofActor = new Map());
    const others = ofActor.get(version);
    if (others === undefined) ofActor.set(version, [claim]);
    else others.push(claim);
  };
  for (const { actorId, state, version } of snapshots) {
    const what = `the snapshot of ${actorId}@${version}`;
    add(actorId, version, { invariant: "I6", what, state });
  }
  const readers = new Map<number, string>();
  for (const entry of journal) {
    if (entry.type === "read") readers.set(entry.call, entry.actorId);
    if (entry.type !== "saw" || entry.state === undefined) continue;
    const { call, state, version } = entry;
    const actorId = readers.get(call);
    if (actorId === undefined) continue;
    const what = `what call ${call} read of ${actorId}@${version}`;
    add(actorId, version, { invariant: "I3", what, state });
  }
  return claims;
}

function ruleFor(actorId: string, { actors }: Rules): ActorRule | undefined {
  const type = typeOf(actorId);
  return Object.hasOwn(actors, type) ? actors[type] : undefined;
}
