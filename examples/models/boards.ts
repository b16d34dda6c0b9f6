/**
 * Writes the boards of the examples: a drawing, a document and Mermaid text of
 * each model.
 *
 *     deno task boards
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  type Model,
  toMarkdown,
  toMermaid,
  toSvg,
} from "@flowmade/aether/model";
import { booking } from "../booking/model.ts";
import { bankModel } from "./bank.ts";
import { gitHistoryModel } from "./git_history.ts";

/** Where the boards are kept. */
export const BOARDS: string = fileURLToPath(
  new URL("../boards/", import.meta.url),
);

/** Makes every board: its text by the name of its file. */
export async function makeBoards(): Promise<ReadonlyMap<string, string>> {
  const models: readonly [string, Model][] = [
    ["bank", await bankModel()],
    ["booking", booking],
    ["git_history", await gitHistoryModel()],
  ];
  return new Map(models.flatMap(([name, model]) => [
    [`${name}.svg`, toSvg(model)],
    [`${name}.md`, toMarkdown(model)],
    [`${name}.flowchart.mmd`, toMermaid(model)],
    [
      `${name}.eventmodeling.mmd`,
      toMermaid(model, { diagram: "eventmodeling" }),
    ],
  ]));
}

if (import.meta.main) {
  mkdirSync(BOARDS, { recursive: true });
  for (const [file, text] of await makeBoards()) {
    writeFileSync(BOARDS + file, text);
  }
}
