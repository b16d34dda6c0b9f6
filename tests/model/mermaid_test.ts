import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { boardOf, checkModel, type Model, toMermaid } from "../../model/mod.ts";
import { booking } from "../../examples/booking/model.ts";
import { parseMermaid } from "./_mermaid.ts";
import { bigModel, everything } from "./_models.ts";

const MODELS: readonly Model[] = [everything, booking, { name: "nothing" }];

describe("toMermaid()", () => {
  it("writes flowcharts that Mermaid takes", async () => {
    for (const model of MODELS) {
      assert.equal(await parseMermaid(toMermaid(model)), "flowchart-v2");
    }
  });

  it("writes event models that Mermaid takes", async () => {
    for (const model of MODELS) {
      const text = toMermaid(model, { diagram: "eventmodeling" });
      assert.equal(await parseMermaid(text), "eventmodeling");
    }
  });

  it("is checked by a parser that refuses what is broken", async () => {
    await assert.rejects(parseMermaid("flowchart LR\n  a -->"));
    await assert.rejects(parseMermaid("eventmodeling\n\ntf 01 note x\n"));
  });

  it("draws every note and every arrow in a flowchart", () => {
    for (const model of MODELS) {
      const text = toMermaid(model);
      const { notes, arrows } = boardOf(model);
      const drawn = text.match(/^ +n\d+\[/gm) ?? [];
      const groups = text.match(/^ +subgraph n\d+\[/gm) ?? [];
      assert.equal(drawn.length + groups.length, notes.length);
      assert.equal(text.match(/-->\|/g)?.length ?? 0, arrows.length);
    }
  });

  it("colours each note by what it is", () => {
    const text = toMermaid(booking);
    assert.match(text, /\["Requested"\]:::event/);
    assert.match(text, /\["request"\]:::command/);
    assert.match(text, /\["HoldRoom"\]:::policy/);
    for (const kind of ["event", "command", "policy", "readModel"]) {
      assert.match(text, new RegExp(`classDef ${kind} fill:#[0-9a-f]{6}`));
    }
  });

  it("takes any text for a text", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.string({ unit: "binary", maxLength: 40 }),
            fc.constantFrom(
              '"]',
              "%%",
              "end",
              "`",
              "-->",
              "#",
              "<br>",
              "\n",
              "click n1 call x()",
            ),
          ),
          { minLength: 1, maxLength: 6 },
        ),
        async (texts) => {
          const model = checkModel({
            name: texts.join(" ") || "x",
            text: texts.join(" "),
            people: { a: { text: texts[0]! } },
            hotspots: [{ on: "person:a", text: texts.join("") }],
          });
          await parseMermaid(toMermaid(model));
        },
      ),
      { numRuns: 20 },
    );
  });

  it("gives each frame its sources", () => {
    const text = toMermaid(booking, { diagram: "eventmodeling" });
    assert.match(
      text,
      /rf 01 ui guest\nrf 02 pcr channel\ntf 03 cmd request ->> 01 ->> 02\ntf 04 evt Requested ->> 03\ntf 05 pcr HoldRoom\ntf 06 cmd hold ->> 05\n/,
    );
  });

  it("tells apart what has one name", () => {
    const text = toMermaid({
      name: "x",
      aggregates: {
        a: { events: { Done: {} } },
        b: { events: { Done: {} } },
      },
    }, { diagram: "eventmodeling" });
    assert.match(text, /evt a_Done\n.*evt b_Done/);
  });

  it("draws some contexts only, and refuses those that are not there", async () => {
    const text = toMermaid(everything, { contexts: ["law"] });
    assert.equal(await parseMermaid(text), "flowchart-v2");
    assert(text.includes('"Ended"') && !text.includes('"Deposited"'));
    assert.throws(
      () => toMermaid(everything, { contexts: ["war"] }),
      /"war".*known are money, law/,
    );
  });

  it("refuses an event model of more frames than Mermaid has numbers for", () => {
    assert.throws(
      () => toMermaid(bigModel(1100), { diagram: "eventmodeling" }),
      /at most 999 frames/,
    );
  });
});
