/** Changes to a header block that know its lines. */
import { Buffer } from "node:buffer";
import type { Random } from "../support/mod.ts";
import { changeBytes, changeText, places } from "./_bytes.ts";
import { changeJson } from "./_json.ts";

/** Changes a header block as {@link changeBytes} does bytes; it need not be one any more. */
export function changeHeaders(
  random: Random,
  block: Uint8Array,
  others: readonly Uint8Array[],
): Uint8Array {
  if (random.int(8) === 0) return changeBytes(random, block, others);
  const lines = linesOf(block);
  for (let left = places(random); left > 0; left--) {
    changeLine(random, lines, others);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
}

function changeLine(
  random: Random,
  lines: string[],
  others: readonly Uint8Array[],
): void {
  const at = 1 + random.int(Math.max(1, lines.length - 1));
  const line = lines[at] ?? "X: y";
  const colon = line.indexOf(":");
  const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
  switch (random.int(12)) {
    case 0: // missing
      lines.splice(at, 1);
      break;
    case 1: // twice
      lines.splice(random.int(2) === 0 ? at : at + 1, 0, line);
      break;
    case 2: // twice, of another value
      lines.splice(at, 0, `${name}: ${changeText(random, value, [])}`);
      break;
    case 3: // of another case
      lines[at] = random.pick([name.toLowerCase(), name.toUpperCase()]) +
        `: ${value}`;
      break;
    case 4: // one of another message
    case 5:
      if (others.length > 0) {
        lines.splice(at, 1, random.pick(linesOf(random.pick(others)).slice(1)));
      }
      break;
    case 6: // long
      lines[at] = `${name}: ${value}${
        "x".repeat(random.int(10) === 0 ? 70_000 : 100)
      }`;
      break;
    case 7: // a line that breaks it, or looks as if the server had written it
      lines[at] = `${name}: ${value}${random.pick(ODD)}`;
      break;
    case 11: // a status, as of the server
      lines[0] = random.pick(STATUS);
      break;
    case 8:
    case 9: // JSON, where it is some
      if (/^[[{]/.test(value)) {
        lines[at] = `${name}: ${changeJson(random, value)}`;
        break;
      }
      lines[at] = `${name}: ${random.pick(VALUES)}`;
      break;
    default:
      lines[at] = `${name}: ${changeText(random, value, VALUES)}`;
  }
}

function linesOf(block: Uint8Array): string[] {
  return Buffer.from(block).toString().trimEnd().split("\r\n");
}

const ODD = [
  "\r",
  "\n",
  "\r\n",
  "\r\n\r\n",
  "\r\nNats-Stream: FORGED\r\nNats-Sequence: 99",
  "\nAether-Commit: x",
  "\0",
  "\ufeff",
  "\u00e9",
  "\u{1f600}",
  " ",
  "\t",
];

const STATUS = [
  "NATS/1.0 503",
  "NATS/1.0 404 Message Not Found",
  "NATS/1.0 204 EOB",
  "NATS/1.0 100 Idle Heartbeat",
  "NATS/2.0",
  "",
];

const VALUES = [
  "",
  "0",
  "-1",
  "00",
  "1.5",
  "1e3",
  "999999999999999999999",
  "NaN",
  "[]",
  "[[]]",
  "[null]",
  "{}",
  "null",
  "x y",
  "linear",
  "eventual",
  "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  "x".repeat(129),
  "\u00e9",
  "application/cloudevents+json",
  "application/cloudevents-batch+json",
  "application/json; charset=utf-8",
  "timer@01ARZ3NDEKTSV4RRFFQ69G5FAV",
  "=C3@x",
  "@",
  '[["a",1,{"reason":"r","message":"m","details":[]}]]',
  '["account-ada","account-ada"]',
  '[{"send":"account-bob","command":"x","input":{"__proto__":{}}}]',
];
