/**
 * Holds the arrows between rooms: a room imports only rooms above it, and only
 * their door, `mod.ts`.
 *
 * @module
 */
import { dirname, join, normalize } from "node:path/posix";

/** The rooms from the top down. */
export const ROOMS: readonly string[] = [
  "event",
  "nats",
  "model",
  "store",
  "bus",
  "cluster",
  "projection",
  "actor",
  "testing",
];

/** Rooms that do not know each other, though one stands above the other. */
const STRANGERS: readonly string[] = ["store", "bus", "cluster"];

/**
 * What is wrong with the imports of some files, one line each.
 *
 * @param files Source text by path relative to the project, such as `store/mod.ts`.
 */
export function roomProblems(files: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  for (const [path, source] of files) {
    for (const specifier of importsOf(source)) {
      const problem = problemOf(path, specifier);
      if (problem !== undefined) {
        problems.push(`${path} imports "${specifier}": ${problem}`);
      }
    }
  }
  return problems;
}

/** The specifiers that a module imports, statically or not; not those in its comments. */
export function importsOf(source: string): string[] {
  const found: string[] = [];
  const statements =
    /^(?:import|export)\b[^;"']*?(?:\bfrom\s*)?["']([^"'\n]+)["']/gm;
  for (const match of source.matchAll(statements)) {
    const isFrom = /\bfrom\s*["']/.test(match[0]) ||
      /^import\s*["']/.test(match[0]);
    if (isFrom) found.push(match[1]!);
  }
  for (const line of source.split("\n")) {
    if (/^\s*(?:\*|\/\/)/.test(line)) continue;
    for (const match of line.matchAll(/\bimport\(\s*["']([^"']+)["']/g)) {
      found.push(match[1]!);
    }
  }
  return found;
}

function problemOf(path: string, specifier: string): string | undefined {
  if (specifier.startsWith("@flowmade/aether")) {
    return "a room is reached by its path here";
  }
  if (!specifier.startsWith(".")) return undefined;
  const target = normalize(join(dirname(path), specifier));
  const [from, to] = [roomOf(path), roomOf(target)];
  if (to === from) return undefined;
  if (to === undefined) {
    return from === undefined ? undefined : "it is in no room";
  }
  if (target !== `${to}/mod.ts`) return `the door of ${to} is ${to}/mod.ts`;
  if (from === undefined) return undefined;
  if (ROOMS.indexOf(to) > ROOMS.indexOf(from)) return `${to} is below ${from}`;
  if (STRANGERS.includes(from) && STRANGERS.includes(to)) {
    return `${from} and ${to} do not know each other`;
  }
  return undefined;
}

function roomOf(path: string): string | undefined {
  const first = path.split("/")[0]!;
  return ROOMS.includes(first) ? first : undefined;
}
