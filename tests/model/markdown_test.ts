import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toMarkdown } from "../../model/mod.ts";
import { booking } from "../../examples/booking/model.ts";
import { parseMermaid } from "./_mermaid.ts";
import { everything } from "./_models.ts";

describe("toMarkdown()", () => {
  it("writes what stands on the board", () => {
    const text = toMarkdown(booking);
    for (
      const part of [
        "# booking 1.0.0\n",
        "\n## room\n\nOne room, and who has which night.\n",
        "| `hold` | `booking: string`, `nights: date[]` | `room.Held`, `room.Refused` | `HoldRoom` |",
        "`email: string` (personal)",
        "| `CheckedIn` (pivotal) |",
        "\n- given `Held {",
        "\n- then refused as `not_confirmed`",
        "- **HoldRoom**: whenever `booking.Requested`; send `room.hold`",
        "- **mail**: is called by `WriteToGuest`; Sends letters.",
        "- reservation → inventory: customer supplier",
        "- **night**: The date of the evening a guest arrives for it. Not: day.",
        "- `room.Refused`: Do we offer another room? Settled: Not in the first year.",
      ]
    ) assert(text.includes(part), part);
  });

  it("holds a diagram that Mermaid takes, unless it is told not to", async () => {
    const diagram = /```mermaid\n([^]*?)```/.exec(toMarkdown(everything))![1]!;
    assert.equal(await parseMermaid(diagram), "flowchart-v2");
    assert(!toMarkdown(everything, { diagram: false }).includes("```"));
  });

  it("keeps each table's rows to its columns, whatever is written in them", () => {
    const lines = toMarkdown(everything, { diagram: false }).split("\n");
    let columns = 0;
    for (const line of lines) {
      const cells = line.split(/(?<!\\)\|/).length;
      if (!line.startsWith("|")) columns = 0;
      else if (columns === 0) columns = cells;
      else assert.equal(cells, columns, line);
    }
  });

  it("lets no text be read as markup", () => {
    const text = toMarkdown(everything, { diagram: false });
    assert(text.includes("Money \\<b\\>of\\</b\\> somebody."));
    assert(text.includes('# all "of" \\<it\\> & more; \\#1 1.2.3'));
    assert(text.includes('`` Opened {"owner":"ada | `x`"} ``'));
  });
});
