import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { COLOURS } from "../../model/_colours.ts";
import { widthOf, wrap } from "../../model/_svg_text.ts";
import { boardOf, checkModel, type Model, toSvg } from "../../model/mod.ts";
import { booking } from "../../examples/booking/model.ts";
import { bigModel, everything } from "./_models.ts";
import { type Element, flat, parseXml } from "./_xml.ts";

interface Drawn {
  readonly title: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly texts: readonly Element[];
}

/** The notes of a drawing. */
function notesOf(svg: string): { root: Element; notes: Drawn[] } {
  const root = parseXml(svg);
  const notes = flat(root)
    .filter(({ attributes }) => attributes.get("role") === "img")
    .map(({ children }) => {
      const rect = children.find(({ name }) => name === "rect")!;
      const at = (name: string) => Number(rect.attributes.get(name));
      return {
        title: children.find(({ name }) => name === "title")!.text,
        x: at("x"),
        y: at("y"),
        width: at("width"),
        height: at("height"),
        texts: children.filter(({ name }) => name === "text"),
      };
    });
  return { root, notes };
}

function checkLegible(model: Model): Drawn[] {
  return checkLegibleSvg(toSvg(model));
}

function checkLegibleSvg(svg: string): Drawn[] {
  const { root, notes } = notesOf(svg);
  const [width, height] = ["width", "height"].map((name) =>
    Number(root.attributes.get(name))
  );
  // By column, so that a thousand notes are compared in no time.
  const columns = Map.groupBy(notes, ({ x }) => x);
  for (const column of columns.values()) {
    const sorted = column.toSorted((a, b) => a.y - b.y);
    for (const [index, note] of sorted.entries()) {
      const below = sorted[index + 1];
      assert(
        below === undefined || note.y + note.height <= below.y,
        note.title,
      );
    }
  }
  const xs = [...columns.keys()].sort((a, b) => a - b);
  for (const [index, x] of xs.entries()) {
    assert(index === 0 || x - xs[index - 1]! >= notes[0]!.width);
  }
  for (const note of notes) {
    assert(note.x >= 0 && note.x + note.width <= width!, note.title);
    assert(note.y >= 0 && note.y + note.height <= height!, note.title);
    for (const { attributes, text } of note.texts) {
      const size = Number(attributes.get("font-size"));
      const bold = attributes.has("font-weight");
      assert(size >= 10, `${note.title}: text of ${size} px`);
      const [x, y] = [Number(attributes.get("x")), Number(attributes.get("y"))];
      assert(y > note.y && y <= note.y + note.height, `${note.title}: ${text}`);
      assert(
        x + widthOf(text, size, bold) <= note.x + note.width,
        `${note.title}: ${text}`,
      );
    }
  }
  return notes;
}

describe("toSvg()", () => {
  it("draws every note, with a title that says what it is and what it leads to", () => {
    for (const model of [everything, booking]) {
      const titles = checkLegible(model).map(({ title }) => title);
      for (const note of boardOf(model).notes) {
        if (note.kind === "aggregate") continue;
        const kind = note.kind === "readModel" ? "read model" : note.kind;
        const name = note.aggregate === undefined
          ? note.name
          : `${note.aggregate}.${note.name}`;
        assert(
          titles.some((title) => title.startsWith(`${kind} ${name}`)),
          note.id,
        );
      }
    }
    const { notes } = notesOf(toSvg(booking));
    const request = notes.find(({ title }) =>
      title.startsWith("command booking.request")
    );
    assert.match(request!.title, /fields: room string, .*; leads to Requested/);
  });

  it("names and describes the whole to a screen reader", () => {
    const { root } = notesOf(toSvg(booking));
    assert.equal(root.attributes.get("role"), "graphics-document");
    const byId = (id: string | undefined) =>
      flat(root).find(({ attributes }) => attributes.get("id") === id)?.text;
    assert.equal(byId(root.attributes.get("aria-labelledby")), "booking 1.0.0");
    assert.match(
      byId(root.attributes.get("aria-describedby"))!,
      /2 people, 8 commands, 9 events, 5 policies/,
    );
  });

  it("draws a lane for each aggregate, or the lane they share", () => {
    const lanes = (model: Model) =>
      flat(parseXml(toSvg(model))).filter(({ name, attributes }) =>
        name === "text" && attributes.get("x") === "28"
      ).map(({ text }) => text);
    assert(lanes(booking).includes("room"));
    assert(lanes(everything).includes("Front & back"));
    assert(!lanes(everything).includes("account"));
  });

  it("says whose a note is where its lane does not", () => {
    const head = (model: Model, title: string) =>
      notesOf(toSvg(model)).notes.find((note) => note.title.startsWith(title))!
        .texts[0]!.text.replace(/^\d+ +/, "");
    assert.equal(head(everything, "event end.Ended"), "event of end");
    assert.equal(head(booking, "event room.Held"), "event");
    assert.equal(head(booking, "query room.nights"), "query of room");
  });

  it("is legible with a thousand notes", () => {
    const started = performance.now();
    const svg = toSvg(bigModel(1000));
    assert(performance.now() - started < 20_000);
    assert(checkLegibleSvg(svg).length >= 1000);
    const width = Number(/ width="(\d+)"/.exec(svg)![1]);
    assert(width < 2000, "read by scrolling down");
  });

  it("writes an arrow that would leave its band on both notes", () => {
    const model: Model = {
      name: "x",
      aggregates: {
        a: { events: { Done: {} }, commands: { do: { emits: ["Done"] } } },
        b: { events: { Fixed: {} }, commands: { fix: { emits: ["Fixed"] } } },
      },
      policies: { Fix: { on: ["a.Done"], sends: ["b.fix"] } },
    };
    const { notes } = notesOf(toSvg(model, { columns: 1 }));
    const written = (title: string) =>
      notes.find((note) => note.title.startsWith(title))!
        .texts.map(({ text }) => text);
    assert.deepEqual(written("event a.Done"), ["2  event", "Done", "→ #3"]);
    assert.deepEqual(written("policy Fix"), [
      "3  policy",
      "Fix",
      "→ #4",
      "← #2",
    ]);
  });

  it("stays well-formed whatever is written on it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 30 }), (text) => {
        const model = checkModel({
          name: text || "x",
          text,
          people: { a: { text } },
          swimlanes: { [text]: [] },
          hotspots: [{ text }, { on: "person:a", text, settled: text }],
        });
        parseXml(toSvg(model));
      }),
      { numRuns: 50 },
    );
  });

  it("is the same each time", () => {
    assert.equal(toSvg(booking), toSvg(structuredClone(booking)));
  });

  it("draws some contexts only", () => {
    const { notes } = notesOf(toSvg(everything, { contexts: ["law"] }));
    const titles = notes.map(({ title }) => title.split(";")[0]);
    assert(titles.includes("event end.Ended"));
    assert(!titles.includes("event account.Closed"));
  });

  it("refuses a number of columns that is none", () => {
    for (const columns of [0, 1.5, 1001]) {
      assert.throws(() => toSvg(booking, { columns }), /from 1 to 1000/);
    }
  });
});

describe("colours", () => {
  const light = (colour: string) => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const part = parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  for (const [kind, { fill, text }] of Object.entries(COLOURS)) {
    it(`of ${kind} let its text be read: 7 to 1`, () => {
      assert((light(fill) + 0.05) / (light(text) + 0.05) >= 7);
    });
  }
});

describe("wrap()", () => {
  it("breaks at spaces, humps and marks, and loses nothing", () => {
    assert.deepEqual(wrap("VeryImportantThingHappened", 13, 110), [
      "VeryImportant",
      "ThingHappened",
    ]);
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        const joined = wrap(text, 13, 60).join("");
        const bare = (given: string) => given.replaceAll(/\s/g, "");
        assert.equal(bare(joined), bare(text));
      }),
    );
  });
});
