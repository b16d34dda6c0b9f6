/** What a bench found under one runtime beside what it found under the other. */
import type { Chart, Panel, Series } from "./_chart.ts";
import type { Report, Table } from "./_report.ts";

/** One bench's tables; those that are alike are one, with a column for each runtime. */
export function pairTables(reports: readonly Report[]): Table[] {
  const titles = new Set(
    reports.flatMap(({ tables }) => tables.map(({ title }) => title)),
  );
  return [...titles].flatMap((title) => {
    const found = reports.flatMap(({ runtime, tables }) =>
      tables.filter((table) => table.title === title)
        .map((table) => ({ runtime, table }))
    );
    if (found.length > 1 && areAlike(found.map(({ table }) => table))) {
      return [merged(title, found)];
    }
    return found.map(({ runtime, table }) => ({
      ...table,
      title: `${title}, ${runtime}`,
    }));
  });
}

/** One bench's charts, with the series of each runtime in its own colour. */
export function pairCharts(reports: readonly Report[]): Chart[] {
  const names = new Set(
    reports.flatMap(({ charts }) => charts.map(({ name }) => name)),
  );
  return [...names].map((name) => {
    const found = reports.flatMap(({ charts, runtime }, colour) =>
      charts.filter((chart) => chart.name === name)
        .map((chart) => ({ chart, runtime, colour }))
    );
    const { chart } = found[0]!;
    const kinds = [
      ...new Set(
        found.flatMap(({ chart }) =>
          chart.panels.flatMap(({ series }) => series.map(({ name }) => name))
        ),
      ),
    ];
    const titles = new Set(
      found.flatMap(({ chart }) => chart.panels.map(({ title }) => title)),
    );
    const panels = [...titles].map((title): Panel => {
      const same = found.flatMap(({ chart, colour, runtime }) =>
        chart.panels.filter((panel) => panel.title === title)
          .map((panel) => ({ panel, colour, runtime }))
      );
      const series = same.flatMap(({ colour, panel, runtime }) =>
        panel.series.map((one): Series => ({
          name: kinds.length > 1 ? `${runtime}, ${one.name}` : runtime,
          colour,
          dash: kinds.indexOf(one.name),
          points: one.points,
        }))
      );
      return { ...same[0]!.panel, series };
    });
    return { ...chart, panels };
  });
}

function areAlike(tables: readonly Table[]): boolean {
  const shape = ({ columns, rows }: Table) =>
    JSON.stringify([columns, rows.map(([name]) => name)]);
  return tables.every((table) => shape(table) === shape(tables[0]!));
}

/** The columns of all, each beside the same one of the others. */
function merged(
  title: string,
  found: readonly { readonly runtime: string; readonly table: Table }[],
): Table {
  const { columns, rows } = found[0]!.table;
  return {
    title,
    columns: columns.flatMap((column, i) =>
      i === 0 ? [column] : found.map(({ runtime }) => `${runtime} ${column}`)
    ),
    rows: rows.map((row, at) =>
      row.flatMap((cell, i) =>
        i === 0 ? [cell] : found.map(({ table }) => table.rows[at]![i]!)
      )
    ),
  };
}
