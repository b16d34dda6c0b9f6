/** A node that hosts purses, to be killed: prints `ready` and runs until it is. */
import process from "node:process";
import { Aether } from "@flowmade/aether";
import { Purse } from "../actor/_purse.ts";

const [servers, namespace, nodeId] = process.argv.slice(2) as [
  string,
  string,
  string,
];
await Aether.start({ servers, namespace, nodeId, actors: [Purse] });
console.log("ready");
