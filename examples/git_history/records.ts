/** Cuts a stream of bytes at each NUL, which is how git ends things under `-z`. */
export async function* records(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (
      let end = chunk.indexOf(0);
      end >= 0;
      end = chunk.indexOf(0, start)
    ) {
      const piece = chunk.subarray(start, end);
      start = end + 1;
      if (rest.length === 0) yield piece;
      else {
        yield join([...rest, piece]);
        rest = [];
      }
    }
    if (start < chunk.length) rest.push(chunk.slice(start));
  }
  if (rest.length > 0) yield join(rest);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
