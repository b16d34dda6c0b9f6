/**
 * Money is conserved at every prefix of the log: what actors have and what is under
 * way is, behind each commit, what came from outside less what was paid out.
 *
 * Money is under way from the commit that stores a send which carries it until the
 * commit in which that send takes effect, or the word that it was rejected does. An
 * event that gives its actor money without such a command gives it from outside;
 * that is right only if a caller asked for it.
 */
import type { RecordedEffect, RecordedEvent, RunRecord } from "./record.ts";
import type { MoneyRule, Rules } from "./rules.ts";
import type { Findings } from "./verdict.ts";

/** Walks along the log commit by commit. */
export function checkMoney(
  record: RunRecord,
  { money }: Rules,
  isCalled: (event: RecordedEvent) => boolean,
  findings: Findings,
): void {
  if (money === undefined) return;
  const purse = new Purse(money, record, isCalled, findings);
  for (const commit of commitsOf(record.log)) {
    findings.looked("money");
    purse.take(commit);
  }
}

/** A sum that a send carries. */
interface Sum {
  readonly amount: number;
  /** Where the send is stored. */
  readonly sequence: number;
  hasArrived: boolean;
}

class Purse {
  readonly #rule: MoneyRule;
  readonly #isCalled: (event: RecordedEvent) => boolean;
  readonly #findings: Findings;
  /** By the ids of the commands by which a sum arrives: the send's, and its refusal's. */
  readonly #sums = new Map<string, Sum>();
  /** Stored with each commit. */
  readonly #leaving = new Map<number, number>();
  #held = 0;
  #underWay = 0;
  #outside = 0;

  constructor(
    rule: MoneyRule,
    { effects }: RunRecord,
    isCalled: (event: RecordedEvent) => boolean,
    findings: Findings,
  ) {
    this.#rule = rule;
    this.#isCalled = isCalled;
    this.#findings = findings;
    for (const effect of effects) this.#foresee(effect);
  }

  #foresee(effect: RecordedEffect): void {
    if (effect.kind !== "send") return;
    const { id, rejectionId, sequence } = effect;
    const amount = this.#rule.carried(effect);
    if (amount === 0) return;
    const sum = { amount, sequence, hasArrived: false };
    this.#sums.set(id, sum);
    if (rejectionId !== undefined) this.#sums.set(rejectionId, sum);
    this.#leaving.set(sequence, (this.#leaving.get(sequence) ?? 0) + amount);
  }

  take(commit: readonly RecordedEvent[]): void {
    const [{ actorId, sequence }] = commit as [RecordedEvent];
    this.#underWay += this.#leaving.get(sequence) ?? 0;
    for (const event of commit) this.#move(event);
    const more = this.#held + this.#underWay - this.#outside;
    if (more === 0) return;
    this.#findings.report(
      "money",
      `${Math.abs(more)} was ${
        more > 0 ? "made" : "lost"
      } by the commit of ${actorId} at sequence ${sequence}`,
    );
    // Whatever follows is held against this.
    this.#outside += more;
  }

  #move(event: RecordedEvent): void {
    const amount = this.#rule.moved(event);
    this.#held += amount;
    const sum = this.#sums.get(event.commandId ?? "");
    if (sum !== undefined && amount > 0) {
      // A sum arrives once, behind the commit that sent it; all else makes money.
      if (sum.hasArrived || sum.sequence >= event.sequence) return;
      sum.hasArrived = true;
      this.#underWay -= sum.amount;
    } else if (amount > 0) {
      if (this.#isCalled(event)) this.#outside += amount;
    } else if (amount < 0 && this.#rule.paysOut?.(event) === true) {
      this.#outside += amount;
    }
  }
}

function* commitsOf(log: readonly RecordedEvent[]): Iterable<RecordedEvent[]> {
  let commit: RecordedEvent[] = [];
  for (const event of log) {
    if (commit.length > 0 && commit[0]!.sequence !== event.sequence) {
      yield commit;
      commit = [];
    }
    commit.push(event);
  }
  if (commit.length > 0) yield commit;
}
