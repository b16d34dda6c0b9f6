/** `RESULTS.md`: what all benches found, where, and what they do not tell. */
import { arch, cpus, release, totalmem, type } from "node:os";
import type { Chart } from "./_chart.ts";
import { pairCharts, pairTables } from "./_pairs.ts";
import { formatTable, type Report, type Table } from "./_report.ts";

/** One bench under one runtime; without a report it failed. */
export interface Run {
  readonly bench: string;
  readonly runtime: string;
  readonly report: Report | undefined;
}

/** What the results hold for, beside this machine. */
export interface Circumstances {
  /** Load of the machine before the first bench. */
  readonly load: number;
  /** How long all benches took together. */
  readonly minutes: number;
  readonly natsServer: string;
  readonly natsClient: string;
}

const NOT_MEASURED = [
  "networks: client and server share one machine and its cores, so a round trip costs almost nothing and the client's own work weighs the most it can",
  "three replicas (bench/failover.ts --replicas 3 has them), TLS, authentication, several clients on one stream, conflicts between writers",
  "long runs: a side runs for less than a second at a time, so that p99.9 is over some thousand operations; garbage of the run before is collected outside the time, its own counts where it is collected within the run",
  "processor time beside wall time, but for nodes at rest",
  "cold disks: what is read was written a moment ago",
  "other payloads than events of about 200 bytes of data, and large states in snapshots",
  "durable subscriptions, policies, projections, effects (sent commands, timers), linear queries",
  "more machines: nodes, callers and nats-server share the cores of one, so that more nodes show what they cost and not what they gain",
  "machines and networks that fail, frozen nodes, handlers that take long: tests/faults holds them to what is promised; nothing here says how long they take",
  "many deaths: fail-over is of a few here; bench/failover.ts --kills 60 takes more",
  "Deno's own transport; both runtimes use @nats-io/transport-node",
  "macOS and Windows",
];

/** All charts of these runs, each with every runtime's series. */
export function chartsOf(runs: readonly Run[]): Chart[] {
  return byBench(runs).flatMap(pairCharts);
}

/** Writes the results as Markdown; the charts are expected in `charts/` beside it. */
export function formatResults(
  runs: readonly Run[],
  circumstances: Circumstances,
): string {
  const reports = runs.flatMap(({ report }) => report ?? []);
  return [
    "# Bench results",
    "Made by `deno task bench`; not edited by hand. Ratios are medians over rounds within one " +
    "run, in which all sides take turns; compare ratios, not rates: rates differ from machine to " +
    "machine and from hour to hour.",
    machine(reports, circumstances),
    "## Goals",
    formatTable(goals(reports)),
    "## Charts",
    ...chartsOf(runs).map(({ name, title }) =>
      `![${title}](charts/${name}.svg)`
    ),
    ...byBench(runs).flatMap((same) => [
      `## ${same[0]!.bench}`,
      ...pairTables(same).map(formatTable),
      ...notesOf(same),
    ]),
    "## Not measured",
    NOT_MEASURED.map((line) => `- ${line}`).join("\n"),
  ].join("\n\n") + "\n";
}

/** The reports, those of one bench together. */
function byBench(runs: readonly Run[]): Report[][] {
  const benches = [...new Set(runs.map(({ bench }) => bench))];
  return benches.map((bench) =>
    runs.flatMap((run) => run.bench === bench ? run.report ?? [] : [])
  ).filter((reports) => reports.length > 0);
}

/** What all say once; what one says alone, with its name. */
function notesOf(reports: readonly Report[]): string[] {
  const all = new Set(reports.flatMap(({ notes }) => notes));
  return [...all].map((note) => {
    const who = reports.filter(({ notes }) => notes.includes(note));
    if (who.length === reports.length) return note;
    return `${who.map(({ runtime }) => runtime).join(", ")}: ${note}`;
  });
}

function machine(
  reports: readonly Report[],
  { load, minutes, natsClient, natsServer }: Circumstances,
): string {
  const all = cpus();
  const versions = new Map(reports.map((r) => [r.runtime, r.version]));
  const counts = reports.map((report) => report.rounds);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const rounds = least === most ? `${least}` : `${least} to ${most}`;
  return [
    `- date: ${new Date().toISOString().slice(0, 10)}`,
    `- processor: ${all[0]?.model.trim() ?? "unknown"}, ${all.length} cores`,
    `- memory: ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    `- system: ${type()} ${/^[\d.]+/.exec(release())?.[0] ?? ""} ${arch()}`,
    ...[...versions].map(([name, version]) => `- ${name}: ${version}`),
    `- nats-server: ${natsServer}; nats.js: ${natsClient}`,
    `- rounds: ${rounds}; load of the machine before: ${load.toFixed(2)}; ` +
    `${minutes.toFixed(0)} minutes in all`,
  ].join("\n");
}

function goals(reports: readonly Report[]): Table {
  const runtimes = [...new Set(reports.map((report) => report.runtime))];
  const names = new Set(
    reports.flatMap((report) => report.goals.map((goal) => goal.name)),
  );
  const rows = [...names].map((name) => {
    const found = runtimes.map((runtime) =>
      reports.filter((report) => report.runtime === runtime)
        .flatMap((report) => report.goals)
        .find((goal) => goal.name === name)
    );
    const { better, goal } = found.find((one) => one !== undefined)!;
    return [
      name,
      `${better} ${goal}`,
      ...found.map((one) =>
        one === undefined
          ? ""
          : `${one.ratio.toFixed(2)} ${one.met ? "met" : "NOT MET"}`
      ),
    ];
  });
  return { title: "All goals", columns: ["what", "goal", ...runtimes], rows };
}
