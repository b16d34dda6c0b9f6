/** Whether something is an Event Modeling document, as far as it is read. */
import { InvalidArgumentError } from "../event/mod.ts";
import type { EventModelingDocument } from "./event_modeling_format.ts";

const LISTS = [
  "commands",
  "events",
  "readmodels",
  "screens",
  "processors",
] as const;

/**
 * Checks a document, and names the first place that breaks a rule.
 *
 * @throws {InvalidArgumentError} `invalid_argument`: it does.
 */
export function checkDocument(
  document: unknown,
): asserts document is EventModelingDocument {
  const slices = listAt(document, "slices", "$");
  for (const [index, slice] of slices.entries()) {
    const at = `slices[${index}]`;
    textAt(slice, "title", at);
    listAt(slice, "specifications", at).forEach((specification, place) => {
      const here = `${at}.specifications[${place}]`;
      textAt(specification, "title", here);
      for (const part of ["given", "when", "then"]) {
        listAt(specification, part, here).forEach((step, line) =>
          textAt(step, "title", `${here}.${part}[${line}]`)
        );
      }
    });
    for (const list of LISTS) {
      listAt(slice, list, at).forEach((element, place) => {
        const here = `${at}.${list}[${place}]`;
        textAt(element, "id", here);
        textAt(element, "title", here);
        listAt(element, "dependencies", here);
        checkFields(element, "fields", here);
      });
    }
  }
}

function checkFields(holder: unknown, key: string, at: string): void {
  listAt(holder, key, at).forEach((field, index) => {
    const here = `${at}.${key}[${index}]`;
    textAt(field, "name", here);
    textAt(field, "type", here);
    if ((field as Record<string, unknown>)["subfields"] !== undefined) {
      checkFields(field, "subfields", here);
    }
  });
}

function listAt(holder: unknown, key: string, at: string): unknown[] {
  const value = (holder as Record<string, unknown> | null)?.[key];
  if (Array.isArray(value)) return value;
  throw refuse(`${at}.${key} is a list`, value);
}

function textAt(holder: unknown, key: string, at: string): void {
  const value = (holder as Record<string, unknown> | null)?.[key];
  if (typeof value === "string" && value !== "") return;
  throw refuse(`${at}.${key} is a text`, value);
}

function refuse(rule: string, value: unknown): InvalidArgumentError {
  return new InvalidArgumentError(
    `Cannot read an Event Modeling document as ${rule}: got ${
      value === null ? "null" : Array.isArray(value) ? "a list" : typeof value
    }`,
  );
}
