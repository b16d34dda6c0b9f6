/** How places are named in what the checker says, and taken apart. */

/** An event's place, as a sentence names it. */
export function at(event: {
  readonly actorId: string;
  readonly id: string;
  readonly sequence: number;
  readonly version: number;
}): string {
  const { actorId, id, sequence, version } = event;
  return `${actorId}@${version} (event ${id}, sequence ${sequence})`;
}

/** The type of an actor: what stands before the first `-` of its id. */
export function typeOf(actorId: string): string {
  const end = actorId.indexOf("-");
  return end < 0 ? "_" : actorId.slice(0, end);
}
