/**
 * What the tests import from `node:test`, as Vitest calls it: so the files that
 * run under Deno and Bun run here too, unchanged.
 */
const vitest = globalThis as unknown as Record<string, never>;

export const describe = vitest["describe"]!;
export const it = vitest["it"]!;
export const before = vitest["beforeAll"]!;
export const after = vitest["afterAll"]!;
