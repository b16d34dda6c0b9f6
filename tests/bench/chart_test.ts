import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Chart,
  drawChart,
  type Panel,
  type Point,
} from "../../bench/_chart.ts";
import { COLOURS, DASHES, SIZE, widthOf } from "../../bench/_svg.ts";
import { type Element, flat, parseXml } from "../model/_xml.ts";

const LINES: Chart = {
  name: "lines",
  title: "Times",
  kind: "lines",
  x: { label: "in flight", log: true, exact: true },
  y: { label: "ms", log: true },
  panels: [{
    title: "one",
    series: [
      series("deno", 0, [1, 10], [10, 100], [100, 1_000]),
      { ...series("bun", 1, [1, 20], [10, 20], [100, 20]), dash: 1 },
    ],
  }],
};

const BARS: Chart = {
  name: "bars",
  title: "Ratios",
  kind: "bars",
  x: { label: "what" },
  y: { label: "÷ raw" },
  panels: [{
    title: "default",
    series: [
      series("deno", 0, ["append", 1], ["replay", 0.5]),
      series("bun", 1, ["append", 2], ["replay", 0.25]),
    ],
    goals: [{ x: "append", y: 1.5 }],
  }],
};

function series(
  name: string,
  colour: number,
  ...points: [number | string, number][]
) {
  return { name, colour, points: points.map(([x, y]): Point => ({ x, y })) };
}

function drawn(chart: Chart): Element[] {
  return flat(parseXml(drawChart(chart)));
}

function numbers(elements: readonly Element[], name: string): number[] {
  return elements.map(({ attributes }) => Number(attributes.get(name)));
}

/** What is drawn in a series' colour, but for its sample in the legend. */
function inColour(all: readonly Element[], name: string, colour: number) {
  return all.filter((element) =>
    element.name === name && element.attributes.get("fill") === COLOURS[colour]
  );
}

/** Where a text is, about. */
function boxOf({ attributes, text }: Element) {
  const size = Number(attributes.get("font-size") ?? SIZE);
  const long = widthOf(text, size);
  const anchor = attributes.get("text-anchor");
  const share = anchor === "middle" ? 0.5 : anchor === "end" ? 1 : 0;
  const left = Number(attributes.get("x")) - long * share;
  return { text, left, right: left + long, y: Number(attributes.get("y")) };
}

describe("drawChart()", () => {
  it("is an SVG with a title", () => {
    const root = parseXml(drawChart(LINES));
    assert.equal(root.name, "svg");
    assert.equal(root.attributes.get("xmlns"), "http://www.w3.org/2000/svg");
    assert.equal(
      flat(root).find(({ name }) => name === "title")?.text,
      "Times",
    );
  });

  it("draws equal ratios equally far apart on logarithmic axes", () => {
    const dots = inColour(drawn(LINES), "circle", 0);
    const [x, y] = [numbers(dots, "cx"), numbers(dots, "cy")];
    assert.equal(dots.length, 3);
    assert.ok(x[0]! < x[1]! && y[0]! > y[1]!, "larger is right and above");
    assert.ok(Math.abs(x[1]! - x[0]! - (x[2]! - x[1]!)) < 0.05);
    assert.ok(Math.abs(y[1]! - y[0]! - (y[2]! - y[1]!)) < 0.05);
  });

  it("draws equal values at one height, in the dash of their series", () => {
    const all = drawn(LINES);
    const heights = numbers(inColour(all, "circle", 1), "cy");
    assert.equal(new Set(heights).size, 1);
    const dashed = all.filter(({ attributes }) =>
      attributes.get("stroke-dasharray") === DASHES[1]
    );
    assert.equal(dashed.length, 2, "the line and its sample");
  });

  it("draws bars as high as their values, on one ground", () => {
    const all = drawn(BARS);
    const heights = (colour: number) =>
      numbers(inColour(all, "rect", colour).slice(1), "height");
    const [append, replay] = heights(0) as [number, number];
    assert.ok(Math.abs(append / replay - 2) < 0.01);
    assert.ok(Math.abs(heights(1)[0]! / append - 2) < 0.01);
    const bars = [0, 1].flatMap((colour) =>
      inColour(all, "rect", colour).slice(1)
    );
    const feet = bars.map(({ attributes }) =>
      Number(attributes.get("y")) + Number(attributes.get("height"))
    );
    assert.ok(Math.max(...feet) - Math.min(...feet) < 0.05);
  });

  it("puts the goal where its value is, across its own bars alone", () => {
    const all = drawn(BARS);
    const [one, two] = [0, 1].map((colour) =>
      Number(inColour(all, "rect", colour)[1]!.attributes.get("y"))
    );
    const goals = all.filter(({ attributes }) =>
      attributes.get("stroke-dasharray") === "5 2"
    ).map(({ attributes }) =>
      /^M([\d.]+) ([\d.]+)h([\d.]+)$/.exec(attributes.get("d")!)!
        .slice(1).map(Number) as [number, number, number]
    );
    // The first is the legend's.
    const [from, height, length] = goals[1]!;
    assert.equal(goals.length, 2);
    assert.ok(Math.abs(height - (one! + two!) / 2) < 0.05);
    const replays = [0, 1].map((colour) =>
      Number(inColour(all, "rect", colour)[2]!.attributes.get("x"))
    );
    assert.ok(from + length < Math.min(...replays));
  });

  it("escapes what it is given", () => {
    const title = `<b> & "c" > d`;
    const chart = {
      ...BARS,
      title,
      panels: [{ ...BARS.panels[0]!, title }],
    };
    const texts = drawn(chart).map(({ text }) => text);
    assert.equal(texts.filter((text) => text === title).length, 3);
  });

  it("keeps all text on the paper and apart, however many panels there are", () => {
    const [bars, lines] = [BARS.panels[0]!, LINES.panels[0]!];
    const wide: Panel = {
      title: "wide values",
      series: ["deno", "bun"].map((name, i) =>
        series(name, i, ["p50", 1_043], ["p99", 8_990], ["max", 10_657])
      ),
      goals: [{ x: "p99", y: 100 }],
    };
    const charts: Chart[] = [
      BARS,
      LINES,
      { ...BARS, panels: [bars, bars, bars] },
      { ...BARS, columns: 3, panels: [wide, wide, wide] },
      { ...LINES, columns: 3, panels: [lines, lines, lines, lines] },
    ];
    for (const chart of charts) {
      const root = parseXml(drawChart(chart));
      const [, , width, height] = root.attributes.get("viewBox")!.split(" ")
        .map(Number) as [number, number, number, number];
      const boxes = flat(root).filter(({ name, text }) =>
        name === "text" && text !== ""
      ).map(boxOf);
      for (const [i, box] of boxes.entries()) {
        const { left, right, text, y } = box;
        assert.ok(left >= 0 && right <= width, `"${text}" at ${left}`);
        assert.ok(y >= SIZE - 1 && y <= height - 2, `"${text}" at ${y}`);
        for (const other of boxes.slice(0, i)) {
          const isApart = right <= other.left || other.right <= left ||
            Math.abs(y - other.y) >= SIZE;
          assert.ok(isApart, `"${text}" is over "${other.text}"`);
        }
      }
    }
  });

  it("breaks long names under bars into lines", () => {
    const name = "a name that is far too long for the room it has here, by far";
    const points = Array.from({ length: 8 }, (_, i): Point => ({
      x: `${name} ${i}`,
      y: 1,
    }));
    const chart = {
      ...BARS,
      panels: [{ title: "", series: [{ name: "deno", points }] }],
    };
    const texts = drawn(chart).map(({ text }) => text);
    assert.ok(!texts.some((text) => text.includes("far too long for the")));
    assert.ok(texts.some((text) => text.startsWith("far too")));
  });
});
