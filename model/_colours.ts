/**
 * The colours of sticky notes, as EventStorming uses them, light enough for dark
 * text: the contrast of each is at least 7 to 1.
 */
import type { NoteKind } from "./board.ts";

/** A note's colours. */
export interface Colours {
  readonly fill: string;
  readonly stroke: string;
  readonly text: string;
}

const TEXT = "#1b1b1f";

/** Colours by what stands on the note. */
export const COLOURS: Readonly<Record<NoteKind, Colours>> = {
  event: { fill: "#ffb066", stroke: "#c66a12", text: TEXT },
  command: { fill: "#9ccbff", stroke: "#2f74c0", text: TEXT },
  query: { fill: "#d3f0c4", stroke: "#5a9a3c", text: TEXT },
  aggregate: { fill: "#fff8d6", stroke: "#c9a400", text: TEXT },
  policy: { fill: "#dcc3ff", stroke: "#7d4cc2", text: TEXT },
  readModel: { fill: "#b5e6a0", stroke: "#4c8a2f", text: TEXT },
  person: { fill: "#ffe566", stroke: "#b79500", text: TEXT },
  system: { fill: "#ffc2dd", stroke: "#c2467f", text: TEXT },
  hotspot: { fill: "#ff9aa8", stroke: "#c01f38", text: TEXT },
  opportunity: { fill: "#c9f5ec", stroke: "#1d8f7b", text: TEXT },
};
