/** Titles and fields of an Event Modeling document, as a model has them. */
import type { EventModelingField } from "./event_modeling_format.ts";
import type { FieldSpec, FieldType } from "./field.ts";

/** Fields by name. */
export function fieldSpecs(
  fields: readonly EventModelingField[],
): Record<string, FieldSpec> {
  return Object.fromEntries(fields.map((field) => {
    const parts = field.subfields ?? [];
    const type = TYPES.get(field.type) ??
      (parts.length > 0 || field.type !== "Custom" ? "object" : "any");
    const spec: FieldSpec = {
      type,
      list: field.cardinality === "List",
      optional: field.optional ?? false,
      subject: field.idAttribute ?? false,
      ...(parts.length > 0 ? { fields: fieldSpecs(parts) } : {}),
      ...(field.mapping ? { from: field.mapping.split(/,\s*/) } : {}),
    };
    return [field.name, spec];
  }));
}

const TYPES: ReadonlyMap<string, FieldType> = new Map<string, FieldType>([
  ["String", "string"],
  ["Double", "number"],
  ["Decimal", "number"],
  ["Long", "integer"],
  ["Int", "integer"],
  ["Boolean", "boolean"],
  ["Date", "date"],
  ["DateTime", "datetime"],
  ["UUID", "uuid"],
]);

/** A title as a name: as it is where it can be, otherwise its words in one. */
export function nameOf(
  title: string,
  style: (title: string) => string = pascal,
): string {
  return /^[A-Za-z][A-Za-z0-9_-]*$/.test(title) ? title : style(title);
}

/**
 * Words in one, each with a capital: `ItemAdded`. Accents are left out, and a
 * letter that Latin has no like of is written by its number, so that no two
 * titles become one name.
 */
export function pascal(title: string): string {
  const plain = title.normalize("NFKD")
    .replaceAll(/\p{Mark}/gu, "")
    .replaceAll(/[ßæœøł]/gi, (letter) => LIKE[letter.toLowerCase()]!)
    .replaceAll(
      /[^\p{ASCII}]/gu,
      (char) =>
        /\p{Letter}/u.test(char)
          ? `U${char.codePointAt(0)!.toString(16).toUpperCase()}`
          : " ",
    );
  const words = plain.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  const name = words.map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join("");
  return /^[A-Za-z]/.test(name) ? name : `N${name}`;
}

const LIKE: Readonly<Record<string, string>> = {
  "ß": "ss",
  "æ": "ae",
  "œ": "oe",
  "ø": "o",
  "ł": "l",
};

/** Words in one, the first without a capital: `addItem`. */
export function camel(title: string): string {
  const name = pascal(title);
  return name[0]!.toLowerCase() + name.slice(1);
}
