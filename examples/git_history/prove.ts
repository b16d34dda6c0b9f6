/**
 * The process that proves the run. It is started fresh, knows nothing but where
 * to look, and prints its verdict as one line of JSON.
 */
import process from "node:process";
import { connect, JetStreamEventStore } from "@flowmade/aether";
import { Git } from "./git.ts";
import { everyPath, readHead } from "./head.ts";
import { readLedger } from "./ledger.ts";
import { prove } from "./proof.ts";

const [url, namespace, folder, target, ledger] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const connection = await connect({ servers: url });
const store = await JetStreamEventStore.open(connection, {
  namespace,
  provision: false,
});
const git = new Git(folder);
const verdict = await prove({
  events: store.read(),
  acknowledged: readLedger(ledger),
  head: readHead(git, target),
  everyPath: await everyPath(git, target),
});
await store.close();
await connection.close();
console.log(JSON.stringify(verdict));
