/**
 * Records whose keys are anybody's names: "constructor" is a name like any other,
 * and must not find what every object has.
 */

/** What a record itself holds under a name. */
export function own<T>(
  record: Readonly<Record<string, T>> | undefined,
  name: string,
): T | undefined {
  return record !== undefined && Object.hasOwn(record, name)
    ? record[name]
    : undefined;
}

/** A record that holds nothing, not even what every object has. */
export function emptyRecord<T>(): Record<string, T> {
  return Object.create(null);
}
