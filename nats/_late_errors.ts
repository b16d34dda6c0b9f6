/**
 * Keeps a connection that is given up from ending the process.
 *
 * The NATS client (transport-node 3.4.0) takes all listeners from a socket, then
 * destroys it. Under Deno 2.9 a read that was under way may still report an error
 * afterwards; as nobody listens any more, it is thrown as uncaught. Seen with
 * refused credentials: 1 to 21 of 300 attempts ended the process.
 */
interface Transport {
  socket?: { on(event: "error", listener: () => void): unknown };
}

type Method = (this: Transport, ...args: unknown[]) => unknown;

/** Gives sockets that are given up a listener for what they still have to say. */
export async function ignoreLateErrors(): Promise<void> {
  let prototype: Record<string, Method | undefined> | undefined;
  try {
    const inside = await import(
      "@nats-io/transport-node/lib/node_transport.js"
    );
    prototype = inside.NodeTransport?.prototype as unknown as typeof prototype;
  } catch {
    // Another release has other insides: then there is nothing to mend here.
  }
  if (prototype === undefined || patched.has(prototype)) return;
  patched.add(prototype);
  for (const name of ["discard", "_closed"]) {
    const original = prototype[name];
    if (original === undefined) continue;
    prototype[name] = function (...args) {
      const { socket } = this;
      const result = original.apply(this, args);
      socket?.on("error", () => {});
      return result;
    };
  }
}

const patched = new WeakSet<object>();
