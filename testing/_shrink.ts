/** From a story in which something goes wrong to the shortest one that still does. */

/** Tries before it is left at what was found. */
const MOST_TRIES = 2_000;

/**
 * Shrinks a list while it still fails: leaves out ever smaller parts of it, then
 * makes each item smaller, until neither goes on.
 *
 * @param items A list that fails.
 * @param fails Whether another one does.
 * @param smaller Smaller forms of an item, the smallest first.
 */
export async function shrink<T>(
  items: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
  smaller: (item: T) => readonly T[],
): Promise<readonly T[]> {
  let best = items;
  let tries = 0;
  const attempt = async (candidate: readonly T[]) => {
    if (++tries > MOST_TRIES || !await fails(candidate)) return false;
    best = candidate;
    return true;
  };
  for (let better = true; better && tries <= MOST_TRIES;) {
    better = false;
    for (let size = best.length; size >= 1; size = Math.floor(size / 2)) {
      for (let at = best.length - size; at >= 0; at -= size) {
        if (at + size > best.length) continue;
        const without = [...best.slice(0, at), ...best.slice(at + size)];
        if (await attempt(without)) better = true;
      }
    }
    for (let index = 0; index < best.length; index++) {
      // What is smaller may have smaller forms itself.
      for (let found = true; found;) {
        found = false;
        for (const item of smaller(best[index]!)) {
          if (!await attempt(best.with(index, item))) continue;
          better = found = true;
          break;
        }
      }
    }
  }
  return best;
}
