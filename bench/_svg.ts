/** Words of SVG: elements, text that is escaped, and about how wide it is. */

/** Colours of series, goals and words. */
export const COLOURS = ["#3d85c6", "#d9822b", "#6aa84f", "#a64d9c"];
export const DASHES = [undefined, "7 3", "2 3"];
export const GREY = "#808890";
/** Size of letters. */
export const SIZE = 11;

/** What an element may be given; `undefined` is left out. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element, with what is in it. */
export function element(
  name: string,
  attributes: Attributes,
  ...content: readonly string[]
): string {
  const given = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [
      ` ${key}="${typeof value === "number" ? place(value) : escape(value)}"`,
    ]
  ).join("");
  return content.length === 0
    ? `<${name}${given}/>`
    : `<${name}${given}>${content.join("")}</${name}>`;
}

/** Text that XML takes for nothing else. */
export function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (sign) => `&#${sign.codePointAt(0)};`);
}

/** About how wide text is: rather too wide than too narrow. */
export function widthOf(text: string, size: number): number {
  return [...text].length * size * 0.56;
}

/** Breaks text into lines of at most such a width, between words alone. */
export function wrapped(text: string, size: number, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(`${last} ${word}`, size) <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

/** A place with no more digits than can be seen. */
export function place(value: number): string {
  return String(Number(value.toFixed(2)));
}

/** Text at a place. */
export function words(
  text: string,
  x: number,
  y: number,
  look: {
    readonly anchor?: "start" | "middle" | "end";
    readonly weight?: "bold";
    readonly size?: number;
  } = {},
): string {
  return element(
    "text",
    {
      x,
      y,
      "text-anchor": look.anchor,
      "font-weight": look.weight,
      "font-size": look.size,
    },
    escape(text),
  );
}

/** The line of a goal. */
export function goalLine(x: number, y: number, width: number): string {
  return element("path", {
    d: `M${place(x)} ${place(y)}h${place(width)}`,
    stroke: GREY,
    "stroke-width": 2,
    "stroke-dasharray": "5 2",
  });
}
