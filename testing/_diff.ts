/** Two texts side by side, line by line, for people. */

/**
 * Compares lines: what is in both is indented, what was expected and is not
 * there begins with `-`, what is there and was not expected with `+`.
 */
export function diffLines(
  expected: readonly string[],
  got: readonly string[],
): string[] {
  // Length of the longest common part behind each pair of places.
  const common = Array.from(
    { length: expected.length + 1 },
    () => new Array<number>(got.length + 1).fill(0),
  );
  for (let i = expected.length - 1; i >= 0; i--) {
    for (let j = got.length - 1; j >= 0; j--) {
      common[i]![j] = expected[i] === got[j]
        ? common[i + 1]![j + 1]! + 1
        : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < expected.length || j < got.length) {
    if (i < expected.length && j < got.length && expected[i] === got[j]) {
      lines.push(`  ${expected[i]}`);
      i++;
      j++;
    } else if (
      j >= got.length ||
      (i < expected.length && common[i + 1]![j]! >= common[i]![j + 1]!)
    ) {
      lines.push(`- ${expected[i++]}`);
    } else lines.push(`+ ${got[j++]}`);
  }
  return lines;
}

const WIDTH = 72;

/** Writes a name and a value in as few lines as are legible. */
export function linesOf(name: string, value: unknown): string[] {
  if (value === undefined) return [name];
  const short = `${name} ${JSON.stringify(sorted(value))}`;
  if (short.length <= WIDTH) return [short];
  const [first, ...rest] = JSON.stringify(sorted(value), null, 2).split("\n");
  return [`${name} ${first}`, ...rest];
}

/** Keys in one order, so that two equal values are written alike. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(entries.map(([key, part]) => [key, sorted(part)]));
}
