/**
 * Charts as SVG: lines or bars, in panels whose axes are alike, with a legend.
 *
 * Colours are of middle lightness and the ground is left free, so that a chart
 * can be read on white and on black. A series has a colour by who did it and a
 * dash by what was done.
 */
import { barsOf, linesBelow, linesOf, type Paper } from "./_chart_panel.ts";
import {
  COLOURS,
  DASHES,
  element,
  escape,
  goalLine,
  GREY,
  place,
  SIZE,
  widthOf,
  words,
} from "./_svg.ts";

/** A value and where it belongs: a number along a line, a name for a bar. */
export interface Point {
  readonly x: number | string;
  readonly y: number;
}

/** Values that belong together. */
export interface Series {
  readonly name: string;
  /** Which of the colours; the first by default. */
  readonly colour?: number;
  /** Which of the dashes; the first by default. */
  readonly dash?: number;
  readonly points: readonly Point[];
}

/** What a value should be at least or at most. */
export interface Mark {
  /** Whose goal it is; that of all values if left out. */
  readonly x?: string;
  readonly y: number;
}

/** One drawing among others whose values can be compared with its own. */
export interface Panel {
  readonly title: string;
  readonly series: readonly Series[];
  readonly goals?: readonly Mark[];
}

/** An axis. */
export interface Axis {
  readonly label: string;
  /** Whether equal ratios are equally far apart. */
  readonly log?: boolean;
  /** Whether all values are marked, rather than round ones. */
  readonly exact?: boolean;
}

/** A whole picture. */
export interface Chart {
  /** Its file's name, without the ending. */
  readonly name: string;
  readonly title: string;
  readonly kind: "lines" | "bars";
  readonly x: Axis;
  readonly y: Axis;
  /** Panels beside each other; 2 by default. */
  readonly columns?: number;
  readonly panels: readonly Panel[];
}

const WIDTH = 800;
const EDGE = 16;
const LEFT = 46;
const GAP = 28;
const HEIGHT = 200;
const LINE = 14;

/** Draws a chart. */
export function drawChart(chart: Chart): string {
  const columns = Math.min(chart.columns ?? 2, chart.panels.length);
  const width = (WIDTH - 2 * EDGE - GAP * (columns - 1)) / columns - LEFT;
  const legend = legendOf(chart);
  const top = EDGE + 22 + legend.height;
  const head = 2 * LINE + 10;
  const foot = LINE * linesBelow(chart, width) + LINE + 16;
  const parts = chart.panels.map((panel, i) => {
    const paper: Paper = {
      left: EDGE + LEFT + (i % columns) * (width + LEFT + GAP),
      top: top + head + Math.floor(i / columns) * (head + HEIGHT + foot),
      width,
      height: HEIGHT,
    };
    const drawn = chart.kind === "bars"
      ? barsOf(chart, panel, paper)
      : linesOf(chart, panel, paper);
    return [
      words(panel.title, paper.left, paper.top - LINE - 8, { weight: "bold" }),
      words(chart.y.label, paper.left, paper.top - 8),
      words(
        chart.x.label,
        paper.left + paper.width / 2,
        paper.top + HEIGHT + foot - 10,
        { anchor: "middle" },
      ),
      drawn,
    ].join("\n");
  });
  const rows = Math.ceil(chart.panels.length / columns);
  const height = top + rows * (head + HEIGHT + foot) + 4;
  return element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${WIDTH} ${place(height)}`,
      width: WIDTH,
      height,
      role: "img",
      "font-family": "system-ui, sans-serif",
      "font-size": SIZE,
      fill: GREY,
    },
    "\n",
    element("title", {}, escape(chart.title)),
    "\n",
    words(chart.title, EDGE, EDGE + 6, { weight: "bold", size: SIZE + 3 }),
    "\n",
    [legend.drawn, ...parts].join("\n"),
    "\n",
  ) + "\n";
}

/** Each series once, and what the mark of a goal looks like. */
function legendOf(
  { kind, panels }: Chart,
): { readonly drawn: string; readonly height: number } {
  const all = new Map(
    panels.flatMap(({ series }) => series.map((one) => [one.name, one])),
  );
  const hasGoals = panels.some(({ goals }) => goals !== undefined);
  const drawn: string[] = [];
  let [x, y] = [EDGE, EDGE + 26];
  const add = (name: string, sample: (x: number, y: number) => string) => {
    const width = 30 + widthOf(name, SIZE) + 16;
    if (x > EDGE && x + width > WIDTH - EDGE) [x, y] = [EDGE, y + LINE + 2];
    drawn.push(sample(x, y - 4), words(name, x + 30, y));
    x += width;
  };
  for (const { colour = 0, dash = 0, name } of all.values()) {
    add(name, (x, y) =>
      kind === "bars"
        ? element("rect", {
          x: x + 8,
          y: y - 5,
          width: 14,
          height: 10,
          fill: COLOURS[colour],
        })
        : element("path", {
          d: `M${place(x)} ${place(y)}h24`,
          stroke: COLOURS[colour],
          "stroke-width": 2,
          "stroke-dasharray": DASHES[dash],
        }));
  }
  if (hasGoals) add("goal", (x, y) => goalLine(x, y, 24));
  return { drawn: drawn.join("\n"), height: y - EDGE - 8 };
}
