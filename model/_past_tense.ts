/**
 * Whether a name tells of something past, as far as English spelling goes: one
 * of its words ends in "ed", or is a participle that does not.
 */

/** Participles that do not end in "ed", as far as they turn up in events. */
const IRREGULAR: ReadonlySet<string> = new Set(
  `arisen awoken become been begun bent bet bitten blown born borne bought bound
  broken brought built burnt burst bred cast caught chosen clung come cost crept
  cut dealt done drawn driven drunk dug eaten fallen fed felt fled flown forbidden
  foreseen forgiven forgotten fought found frozen gained given gone got gotten
  ground grown had heard held hidden hit hurt kept knelt known laid lain led left
  lent let lit lost made meant met mistaken overdrawn overridden overrun overtaken
  paid proven put read rebuilt redone repaid resent reset resold rid ridden risen
  run said sat seen sent set shaken shed shone shot shown shrunk shut slept slid
  sold sought spent split spoken spread sprung spun stolen stood struck stuck stung
  sung sunk swept sworn swum swung taken taught thought thrown told torn
  undergone understood undone unpaid upheld upset withdrawn withheld withstood woken won
  worn wound woven written`.split(/\s+/),
);

/** Splits a name such as `OrderPlaced` or `order_placed` into lower-case words. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .split(/[\s_-]+/)
    .filter((word) => word !== "")
    .map((word) => word.toLowerCase());
}

/** Tells whether a name is in the past tense. */
export function isPastTense(name: string): boolean {
  return wordsOf(name).some((word) =>
    IRREGULAR.has(word) ||
    (word.endsWith("ed") && !OTHERWISE.has(word) &&
      (!word.endsWith("eed") || DOUBLE.test(word)))
  );
}

/** Words that end in "ed" and tell of nothing past. */
const OTHERWISE: ReadonlySet<string> = new Set(
  "bed embed hundred infrared kindred naked red sacred sled wicked".split(" "),
);

/** Verbs in "ee": "need" and "speed" end in "eed" and are no participles. */
const DOUBLE = /(?:agr|guarant|fr|decr|refer|overs|fores)eed$/;
