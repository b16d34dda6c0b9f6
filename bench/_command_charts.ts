/** What the bench of commands found, as charts. */
import type { Chart, Panel, Series } from "./_chart.ts";
import { goalPanel } from "./_goal_bars.ts";
import { ratio, type Result } from "./_rounds.ts";

/** What was found with so many in flight. */
export interface Compared {
  readonly inFlight: number;
  /** A plain client that publishes the bytes that a command stores. */
  readonly raw: Result;
  readonly local: Result;
  readonly remote: Result;
  /** What the ratios to raw should be at least, where they have a goal. */
  readonly goals?: { readonly local: number; readonly remote: number };
}

/** All that was found on one server. */
export interface ServerFound {
  readonly name: string;
  readonly rows: readonly Compared[];
}

const SIDES = ["local", "remote", "raw"] as const;
const TAILS = [
  { name: "p50", of: ({ p50 }: Result) => p50 },
  { name: "p99", of: ({ p99 }: Result) => p99 },
  { name: "p99.9", of: ({ p999 }: Result) => p999 },
];

/** Ratios to raw, rates, and how long a command takes. */
export function commandCharts(servers: readonly ServerFound[]): Chart[] {
  const x = { label: "commands in flight", log: true, exact: true };
  return [
    {
      name: "command",
      title: "Commands, beside a plain client that publishes what they store",
      kind: "bars",
      x: { label: x.label },
      y: { label: "commands/s ÷ raw; at least the goal" },
      panels: servers.flatMap((server) => [
        ratioPanel(server, "local"),
        ratioPanel(server, "remote"),
      ]),
    },
    {
      name: "command-rate",
      title: "Commands a second, by how many are in flight",
      kind: "lines",
      x,
      y: { label: "commands/s", log: true },
      panels: servers.map((server): Panel => ({
        title: `server ${server.name}`,
        series: seriesOf(server, ({ rate }) => rate),
      })),
    },
    {
      name: "command-latency",
      title: "How long a command takes, by how many are in flight",
      kind: "lines",
      x,
      y: { label: "ms", log: true },
      columns: TAILS.length,
      panels: servers.flatMap((server) =>
        TAILS.map(({ name, of }): Panel => ({
          title: `${name}, server ${server.name}`,
          series: seriesOf(server, of),
        }))
      ),
    },
  ];
}

function ratioPanel(
  { name, rows }: ServerFound,
  side: "local" | "remote",
): Panel {
  return goalPanel(
    `${side} actor, server ${name}`,
    rows.map(({ goals, inFlight, raw, [side]: own }) => ({
      x: String(inFlight),
      ratio: ratio(own, raw),
      ...(goals === undefined ? {} : { goal: goals[side] }),
    })),
  );
}

function seriesOf(
  { rows }: ServerFound,
  value: (result: Result) => number,
): Series[] {
  return SIDES.map((side) => ({
    name: side,
    points: rows.map((row) => ({ x: row.inFlight, y: value(row[side]) })),
  }));
}
