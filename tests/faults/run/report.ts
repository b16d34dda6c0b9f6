/** What runs have shown, as a page of Markdown. */
import { type InvariantId, INVARIANTS } from "../checker/mod.ts";
import { BUGS } from "../seeded/bugs.ts";
import type { Fault } from "./fault.ts";
import { type Figure, figuresOf } from "./figures.ts";
import type { Injection, RunReport } from "./run.ts";
import type { Surroundings } from "./surroundings.ts";

/** What no run here can show. */
const NOT_TESTED = [
  "power loss: processes are killed, machines are not, so what the kernel had was written; nor disks that lie about it (LazyFS)",
  "jumps of the servers' own clocks, and hosts whose clocks drift apart",
  "networks of more than one machine: all of it is one machine's loopback, without `tc netem`",
  "macOS and Windows; other architectures than the one above",
  "more than three nodes, or more servers than three, at a time",
  "other versions than those above, and rolling upgrades between releases",
  "long runs of days, and logs of many millions of events",
];

/** Writes the page. */
export function pageOf(
  runs: readonly RunReport[],
  all: readonly Fault[],
  where: Surroundings,
): string {
  const total = runs.flatMap(({ violations }) => violations).length;
  return [
    "# What was broken on purpose",
    "",
    `Nodes in processes of their own, three at a time, Deno and Bun in turn, were called ${
      rateOf(runs)
    } times a second while faults were injected one after the other, drawn by chance. ` +
    "Everything each caller was told was written down. At the end the log was read from the servers and held against it. " +
    "This page is written by the run itself; to repeat it:",
    "",
    "```sh",
    where.command,
    "```",
    "",
    "## What it was run on",
    "",
    ...table(["", ""], [
      ["machine", where.machine],
      ["system", where.system],
      ["Deno", where.deno],
      ["Bun", where.bun],
      ["nats-server", where.natsServer],
      ["NATS client", where.natsClient],
      ["revision", where.revision],
      ["finished", where.date],
    ]),
    "",
    "## What came out",
    "",
    ...table(
      ["", ...runs.map(({ replicas }) => `${replicas} server(s)`)],
      [
        ["seed", ...runs.map(({ seed }) => `${seed}`)],
        [
          "minutes under load",
          ...runs.map(({ duration }) => minutes(duration)),
        ],
        [
          "faults injected",
          ...runs.map(({ schedule }) => `${schedule.length}`),
        ],
        ["operations", ...runs.map((run) => number(operationsOf(run)))],
        [
          "events in the log",
          ...runs.map(({ recorded }) => number(recorded.events)),
        ],
        [
          "commands sent between actors",
          ...runs.map(({ recorded }) => number(recorded.sends)),
        ],
        [
          "timers set",
          ...runs.map(({ recorded }) => number(recorded.timers)),
        ],
        [
          "parked for good, and listed",
          ...runs.map(({ recorded }) => number(recorded.parked)),
        ],
        [
          "conflicts met by nodes",
          ...runs.map(({ counts }) => number(counts.conflicts)),
        ],
        [
          "stale writes refused: late owners",
          ...runs.map(({ counts }) => number(counts.lateOwners)),
        ],
        [
          "stale writes refused: an outsider",
          ...runs.map(({ counts }) => number(counts.staleOutsider)),
        ],
        [
          "commands that came again under their id",
          ...runs.map(({ counts }) => number(counts.repeats)),
        ],
        [
          "messages sent again",
          ...runs.map(({ counts }) => number(counts.resent)),
        ],
        [
          "appends settled by looking",
          ...runs.map(({ counts }) => number(counts.settled)),
        ],
        [
          "direct reads that came short, and were made again",
          ...runs.map(({ counts }) => number(counts.staleReads)),
        ],
        [
          "reads of owners behind what an outsider had just written",
          ...runs.map(({ staleReads }) => number(staleReads)),
        ],
        [
          "reads of owners that were owners no more",
          ...runs.map(({ lateReads }) => number(lateReads)),
        ],
        [
          "second opinion, by porcupine",
          ...runs.map(({ porcupine }) =>
            porcupine === undefined
              ? "none, as Go is not installed or the run was quick"
              : `${porcupine.result}: ${
                number(porcupine.operations)
              } operations of ${number(porcupine.actors)} actors`
          ),
        ],
        ["lives of nodes", ...runs.map(({ counts }) => number(counts.lives))],
        [
          "most memory of a node, MiB",
          ...runs.map(({ counts }) => number(counts.rss)),
        ],
        [
          "**violations**",
          ...runs.map(({ violations }) => `**${violations.length}**`),
        ],
      ],
    ),
    "",
    ...(total === 0 ? [] : [
      "### Violations",
      "",
      ...runs.flatMap(({ replicas, seed, violations }) =>
        violations.slice(0, 50).map((what) =>
          `- ${replicas} server(s), seed ${seed}: ${what}`
        )
      ),
      "",
    ]),
    "## Faults",
    "",
    ...faultsOf(runs, all),
    "",
    "## What was measured meanwhile",
    "",
    "Milliseconds but for counts. A goal is what we want to stay below, not a promise: what is beyond it is bold. Everything ran on the machine above, the callers too.",
    "",
    ...runs.flatMap((run) => [
      `### ${run.replicas} server(s)`,
      "",
      ...table(
        ["", "n", "p50", "p99", "max", "goal"],
        figuresOf(run.observations).filter(({ n }) => n > 0).map(figureRow),
      ),
      "",
    ]),
    "## What was looked at",
    "",
    "Besides what is in this table, each run checks that every call ends in its time and by an error with a code, that no call fails while nodes are restarted, that what a fault promises holds, and that all of it comes to rest: inbox, timers, policies, projections, subscribers.",
    "",
    ...table(
      [
        "invariant",
        "",
        ...runs.map(({ replicas }) => `looked at, ${replicas} server(s)`),
        "violations",
      ],
      (Object.keys(INVARIANTS) as InvariantId[]).map((id) => [
        id,
        INVARIANTS[id],
        ...runs.map(({ checked }) => number(checked[id] ?? 0)),
        number(
          runs.flatMap(({ violations }) => violations)
            .filter((what) => what.startsWith(`${id}: `)).length,
        ),
      ]),
    ),
    "",
    "## What a run is known to catch",
    "",
    `${BUGS.length} bugs, each put into a copy of the source, are each caught by a short run with the one fault and the seed named here, by what is named beside them; the copy without the bug breaks nothing. To see it:`,
    "",
    "```sh",
    "AETHER_NIGHTLY=1 deno test -A tests/faults/seeded_bugs_test.ts",
    "```",
    "",
    ...table(
      ["bug", "file", "fault", "seed", "caught by"],
      BUGS.map(({ caughtBy, changes: [change], fault, seed, what }) => [
        what,
        `\`${change!.file}\``,
        fault,
        `${seed}`,
        caughtBy === fault ? `what ${fault} promises` : caughtBy,
      ]),
    ),
    "",
    "## Operations",
    "",
    ...runs.flatMap((run) => [
      `### ${run.replicas} server(s)`,
      "",
      ...table(["operation", "outcomes"], operationRows(run)),
      "",
    ]),
    "## Schedule",
    "",
    ...runs.flatMap((run) => [
      `### ${run.replicas} server(s), seed ${run.seed}`,
      "",
      "```text",
      ...run.schedule.map(({ at, fault, took }) =>
        `${seconds(at).padStart(7)} s  ${fault.id.padEnd(4)} ${fault.title} (${
          seconds(took)
        } s)`
      ),
      "```",
      "",
    ]),
    "## What was not tested",
    "",
    ...notInjected(runs, all).map((what) => `- ${what}`),
    ...NOT_TESTED.map((what) => `- ${what}`),
    "",
  ].join("\n");
}

function faultsOf(runs: readonly RunReport[], all: readonly Fault[]): string[] {
  const rows = all.map((fault) => [
    fault.id,
    fault.title,
    ...runs.map(({ replicas, schedule, unavailable }) => {
      const times = schedule.filter((injection) =>
        injection.fault === fault
      ).length;
      if (times > 0) return `${times}`;
      if (!fault.replicas.includes(replicas)) return "–";
      return unavailable.has(nameOf(fault)) ? "unavailable" : "not drawn";
    }),
  ]);
  return table([
    "",
    "fault",
    ...runs.map(({ replicas }) => `times, ${replicas} server(s)`),
  ], rows);
}

function notInjected(
  runs: readonly RunReport[],
  all: readonly Fault[],
): string[] {
  return runs.flatMap(({ replicas, schedule, unavailable }) =>
    all.filter((fault) =>
      fault.replicas.includes(replicas) &&
      !schedule.some((injection: Injection) => injection.fault === fault)
    ).map((fault) =>
      `${fault.id}, ${fault.title}, on ${replicas} server(s): ${
        unavailable.get(nameOf(fault)) ?? "not drawn in this run"
      }`
    )
  );
}

function figureRow(
  { goal, max, n, p50, p99, unit, what, sum }: Figure,
): string[] {
  const show = (value: number) =>
    goal !== undefined && value > goal
      ? `**${value.toFixed(0)}**`
      : value.toFixed(0);
  return unit === "count"
    ? [
      `${what} (count)`,
      `${n}`,
      "",
      "",
      `${sum} in all`,
      goal === undefined ? "" : `${goal}`,
    ]
    : [
      what,
      number(n),
      show(p50),
      show(p99),
      show(max),
      goal === undefined ? "" : `${goal}`,
    ];
}

function operationRows({ operations }: RunReport): string[][] {
  return [...operations].sort(([a], [b]) => a < b ? -1 : 1).map((
    [kind, outcomes],
  ) => [
    kind,
    [...outcomes].sort(([, a], [, b]) => b - a)
      .map(([outcome, n]) => `${number(n)} ${outcome}`).join(", "),
  ]);
}

function nameOf({ id, title }: Fault): string {
  return `${id} (${title})`;
}

function operationsOf({ operations }: RunReport): number {
  return [...operations.values()].flatMap((outcomes) => [...outcomes.values()])
    .reduce((sum, n) => sum + n, 0);
}

function rateOf(runs: readonly RunReport[]): number {
  const all = runs.reduce((sum, run) => sum + operationsOf(run), 0);
  const time = runs.reduce((sum, { duration }) => sum + duration, 0);
  return Math.round(all / time * 1_000);
}

function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

function number(n: number): string {
  return n.toLocaleString("en");
}

function minutes(ms: number): string {
  return (ms / 60_000).toFixed(1);
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
