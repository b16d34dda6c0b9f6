/** The history of a repository as a model: read off its actor and watched at work. */
import type { Example, Model } from "@flowmade/aether/model";
import { modelOf } from "@flowmade/aether/model";
import { observe } from "@flowmade/aether/testing";
import { File } from "../git_history/file_actor.ts";

const stamp = {
  commit: "0c4e1f",
  author: "Ada",
  time: "2026-05-01T12:00:00+02:00",
};
const text = { ...stamp, blob: "a1b2c3", kind: "text" };

const added: Example = {
  type: "FileAdded",
  data: { ...text, path: "README.md", added: 10, deleted: 0 },
};

const told: Model = {
  name: "git history",
  text: "What happened to each file of a repository, commit by commit.",
  people: { author: { text: "Whoever made the commit." } },
  aggregates: {
    file: {
      text: "One file; its key is its name.",
      events: {
        FileDeleted: { last: false, after: ["FileAdded"] },
        FileRenamed: { after: ["FileAdded"] },
        LinesChanged: { after: ["FileAdded"] },
        ContentReplaced: { after: ["FileAdded"] },
        FileAdded: { text: "Again after it was renamed away or deleted." },
      },
      queries: {
        lines: { fields: { lines: "integer" } },
        kind: { fields: { kind: "string" } },
      },
    },
  },
  systems: {
    git: {
      text: "Reads the commits, oldest first.",
      sends: [
        "file.add",
        "file.change",
        "file.replace",
        "file.rename",
        "file.remove",
      ],
    },
  },
  hotspots: [{
    on: "file.FileRenamed",
    text: "A copy looks like a new file.",
    settled: "So it is: git stores no copies.",
  }],
};

const scenes = [
  {
    of: "file",
    when: { type: "add", data: { ...text, path: "README.md", added: 10 } },
  },
  {
    of: "file",
    when: {
      type: "add",
      data: { ...text, path: "README.md", added: 10, from: "README" },
    },
  },
  {
    of: "file",
    given: [added],
    when: { type: "add", data: { ...text, path: "README.md", added: 1 } },
  },
  {
    of: "file",
    given: [added],
    when: { type: "change", data: { ...text, added: 2, deleted: 1 } },
  },
  {
    of: "file",
    when: { type: "change", data: { ...text, added: 2, deleted: 1 } },
  },
  {
    of: "file",
    given: [added],
    when: { type: "change", data: { ...text, added: 0, deleted: 11 } },
  },
  {
    of: "file",
    given: [added],
    when: { type: "replace", data: { ...text, kind: "binary", added: 0 } },
  },
  {
    of: "file",
    given: [added],
    when: { type: "rename", data: { ...stamp, to: "docs/README.md" } },
  },
  { of: "file", when: { type: "rename", data: { ...stamp, to: "docs" } } },
  { of: "file", given: [added], when: { type: "remove", data: stamp } },
  {
    of: "file",
    given: [added],
    when: { type: "remove", data: { ...stamp, lines: 9 } },
  },
];

/** Gives the file's commands, and reads the model off code and what they did. */
export async function gitHistoryModel(): Promise<Model> {
  return modelOf([File], told, await observe([File], scenes));
}
