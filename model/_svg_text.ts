/**
 * Text without a browser to measure it: widths are estimated, rather too wide
 * than too narrow, and lines are broken by them.
 */

/** Makes text safe inside an element or an attribute. */
export function escapeXml(text: string): string {
  return text.replaceAll(/[\p{Control}\p{Surrogate}\ufffe\uffff]/gu, forbidden)
    .replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** What XML does not allow at all, or would not give back. */
function forbidden(char: string): string {
  return "\t\n\r".includes(char) ? " " : "\ufffd";
}

/** About how wide a text is in a sans-serif font of some size, in pixels. */
export function widthOf(text: string, size: number, bold = false): number {
  let em = 0;
  for (const char of text) em += widthOfChar(char);
  return em * size * (bold ? 1.08 : 1);
}

function widthOfChar(char: string): number {
  if ("iljtfrI.,:;'|![]() ".includes(char)) return 0.36;
  if ("mwMW@%—→←".includes(char)) return 0.95;
  const code = char.codePointAt(0)!;
  if (code >= 0x1100) return 1.05;
  return char >= "A" && char <= "Z" ? 0.72 : 0.58;
}

/**
 * Breaks a text into lines that fit: between words, behind `_`, `-`, `.` and
 * `,`, at the humps of camel case, and anywhere where nothing else helps.
 */
export function wrap(
  text: string,
  size: number,
  width: number,
  bold = false,
): string[] {
  const pieces = text.trim().split(
    /(?<=\s)|(?<=[_\-.,:/])(?=\S)|(?<=[a-z0-9])(?=[A-Z])/,
  );
  const lines: string[] = [];
  let line = "";
  const fits = (candidate: string) =>
    widthOf(candidate.trimEnd(), size, bold) <= width;
  for (const piece of pieces) {
    if (fits(line + piece)) {
      line += piece;
      continue;
    }
    if (line !== "") lines.push(line.trimEnd());
    line = "";
    for (const char of piece) {
      if (line !== "" && !fits(line + char)) {
        lines.push(line);
        line = "";
      }
      line += char;
    }
  }
  if (line.trim() !== "" || lines.length === 0) lines.push(line.trimEnd());
  return lines;
}
