/**
 * Free ports on the loopback address.
 *
 * They are taken from below the range that systems hand to outgoing
 * connections (32768 and up on Linux, 49152 and up elsewhere). So, while a
 * killed server is down, no client of this machine can be given its port, and
 * a client that keeps reconnecting cannot end up connected to itself.
 *
 * @module
 */
import { createServer } from "node:net";

const FIRST = 20_000;
const LAST = 32_000;

/** As many free ports as asked for, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const found: { port: number; release: () => Promise<void> }[] = [];
  for (let tries = 0; found.length < count && tries < 1_000; tries++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    const release = await listen(port);
    if (release !== undefined) found.push({ port, release });
  }
  await Promise.all(found.map(({ release }) => release()));
  if (found.length < count) {
    throw new Error(
      `Cannot find ${count} free ports between ${FIRST} and ${LAST} on 127.0.0.1`,
    );
  }
  return found.map(({ port }) => port);
}

function listen(port: number): Promise<(() => Promise<void>) | undefined> {
  const { promise, resolve } = Promise.withResolvers<
    (() => Promise<void>) | undefined
  >();
  const server = createServer();
  server.once("error", () => resolve(undefined));
  server.listen(port, "127.0.0.1", () => {
    resolve(() => new Promise<void>((done) => server.close(() => done())));
  });
  return promise;
}
