/** A program that starts a server, says which, and ends in one of several ways. */
import process from "node:process";
import { startNatsServer } from "../../tools/nats_server.ts";

const nats = await startNatsServer();
process.stdout.write(`pid ${nats.servers[0]!.pid}\n`, () => {
  const how = process.argv[2];
  if (how === "wait") setInterval(() => {}, 1_000);
  if (how === "throw") {
    setTimeout(() => {
      throw new Error("nobody catches this");
    }, 1);
  }
});
