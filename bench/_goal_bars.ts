/** Ratios as bars, each with the goal it has. */
import type { Panel } from "./_chart.ts";

/** A ratio under its short name. */
export interface GoalBar {
  readonly x: string;
  readonly ratio: number;
  readonly goal?: number;
}

/** A panel of them. */
export function goalPanel(title: string, bars: readonly GoalBar[]): Panel {
  return {
    title,
    series: [{
      name: "Aether",
      points: bars.map(({ ratio, x }) => ({ x, y: ratio })),
    }],
    goals: bars.flatMap(({ goal, x }) =>
      goal === undefined ? [] : [{ x, y: goal }]
    ),
  };
}
