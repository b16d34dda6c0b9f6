/** One panel of a chart: its axes, and the lines or bars between them. */
import type { Chart, Panel } from "./_chart.ts";
import { figures, type Scale, scaleOf, scaleOver, shortly } from "./_scale.ts";
import {
  COLOURS,
  DASHES,
  element,
  goalLine,
  GREY,
  place,
  SIZE,
  widthOf,
  words,
  wrapped,
} from "./_svg.ts";

/** Where a panel's values are drawn. */
export interface Paper {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Share of a category's width that its bars take. */
const FILLED = 0.84;
const WIDEST = 46;
/** Height of a line of text. */
const LINE = 14;

/** Lines of text below the axis: values and names of bars, or the marks. */
export function linesBelow(chart: Chart, width: number): number {
  if (chart.kind !== "bars") return 1;
  const names = chart.panels.flatMap((panel) => {
    const names = namesOf(panel);
    return names.map((name) =>
      wrapped(name, SIZE, width / names.length - 4).length
    );
  });
  return valueLines(chart, width) + Math.max(0, ...names);
}

/** Lines that the values of bars take: one each, where they are wider than bars. */
function valueLines({ panels }: Chart, width: number): number {
  const lines = panels.map((panel) => {
    const room = barWidth(panel, width);
    const isTight = panel.series.some(({ points }) =>
      points.some(({ y }) => widthOf(figures(y), SIZE - 1) > room)
    );
    return isTight ? panel.series.length : 1;
  });
  return Math.max(1, ...lines);
}

function barWidth(panel: Panel, width: number): number {
  const each = width / namesOf(panel).length;
  return Math.min(WIDEST, each * FILLED / panel.series.length);
}

/** Draws lines with a dot at each value. */
export function linesOf(chart: Chart, panel: Panel, paper: Paper): string {
  const y = heights(chart, paper);
  const { bottom, left, right } = endsOf(paper);
  const x = (chart.x.exact ? scaleOver : scaleOf)({
    values: chart.panels.flatMap(({ series }) =>
      series.flatMap(({ points }) => points.map((point) => Number(point.x)))
    ),
    ends: [left + 8, right - 8],
    ...(chart.x.log ? { log: true } : {}),
  });
  const lines = panel.series.flatMap(({ colour = 0, dash = 0, points }) => {
    const places = points.map((point) =>
      [x.at(Number(point.x)), y.at(point.y)] as const
    );
    return [
      element("path", {
        d: places.map(([x, y], i) =>
          `${i === 0 ? "M" : "L"}${place(x)} ${place(y)}`
        ).join(""),
        fill: "none",
        stroke: COLOURS[colour],
        "stroke-width": 2,
        "stroke-linejoin": "round",
        "stroke-dasharray": DASHES[dash],
      }),
      ...places.map(([cx, cy]) =>
        element("circle", { cx, cy, r: 2.5, fill: COLOURS[colour] })
      ),
    ];
  });
  const goals = (panel.goals ?? []).map((goal) =>
    goalLine(left, y.at(goal.y), paper.width)
  );
  return [frame(paper, y), ticksBelow(x, bottom), ...goals, ...lines].join(
    "\n",
  );
}

/** Draws a group of bars for each name, one for each series, with its value below. */
export function barsOf(chart: Chart, panel: Panel, paper: Paper): string {
  const y = heights(chart, paper);
  const { bottom, left } = endsOf(paper);
  const names = namesOf(panel);
  const each = paper.width / names.length;
  const wide = barWidth(panel, paper.width);
  const valued = valueLines(chart, paper.width);
  const drawn = names.flatMap((name, group) => {
    const middle = left + (group + 0.5) * each;
    const start = middle - wide * panel.series.length / 2;
    const bars = panel.series.flatMap(({ colour = 0, points }, i) => {
      const value = points.find((point) => point.x === name)?.y;
      if (value === undefined) return [];
      const top = y.at(value);
      return [
        element("rect", {
          x: start + i * wide + 1,
          y: top,
          width: wide - 2,
          height: bottom - top,
          fill: COLOURS[colour],
        }),
        words(
          figures(value),
          start + (i + 0.5) * wide,
          bottom + 13 + i % valued * LINE,
          { anchor: "middle", size: SIZE - 1 },
        ),
      ];
    });
    const label = wrapped(name, SIZE, each - 4).map((line, i) =>
      words(line, middle, bottom + 15 + (valued + i) * LINE, {
        anchor: "middle",
      })
    );
    const goals = (panel.goals ?? []).filter(({ x }) =>
      x === undefined || x === name
    ).map((goal) =>
      goalLine(start - 5, y.at(goal.y), wide * panel.series.length + 10)
    );
    return [...bars, ...label, ...goals];
  });
  return [frame(paper, y), ...drawn].join("\n");
}

function namesOf({ series }: Panel): string[] {
  return [
    ...new Set(
      series.flatMap(({ points }) => points.map((point) => String(point.x))),
    ),
  ];
}

/** The scale of all panels' values. */
function heights({ panels, y }: Chart, paper: Paper): Scale {
  const { bottom, top } = endsOf(paper);
  const values = panels.flatMap(({ goals = [], series }) => [
    ...goals.map((goal) => goal.y),
    ...series.flatMap(({ points }) => points.map((point) => point.y)),
  ]);
  return scaleOf({
    values,
    ends: [bottom, top],
    ...(y.log ? { log: true } : {}),
  });
}

/** The marks at the left, each with a thin line across. */
function frame(paper: Paper, y: Scale): string {
  const { bottom, left } = endsOf(paper);
  const across = (at: number, opacity: number) =>
    element("path", {
      d: `M${place(left)} ${place(at)}h${place(paper.width)}`,
      stroke: GREY,
      "stroke-opacity": opacity,
    });
  return [
    across(bottom, 1),
    ...y.ticks.flatMap((tick) => [
      across(y.at(tick), 0.25),
      words(shortly(tick), left - 6, y.at(tick) + 4, { anchor: "end" }),
    ]),
  ].join("\n");
}

/** The marks below, but for those there is no room for. */
function ticksBelow(x: Scale, bottom: number): string {
  let free = -Infinity;
  return x.ticks.flatMap((tick) => {
    const label = shortly(tick);
    const half = widthOf(label, SIZE) / 2;
    if (x.at(tick) - half < free) return [];
    free = x.at(tick) + half + 6;
    return [
      element("path", {
        d: `M${place(x.at(tick))} ${place(bottom)}v4`,
        stroke: GREY,
      }),
      words(label, x.at(tick), bottom + 16, { anchor: "middle" }),
    ];
  }).join("\n");
}

function endsOf({ height, left, top, width }: Paper) {
  return { left, right: left + width, top, bottom: top + height };
}
