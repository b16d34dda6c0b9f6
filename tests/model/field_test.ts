import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  fieldsOf,
  fieldsOfExamples,
  type FieldSpec,
  type FieldType,
  type FieldWord,
  misfitOf,
  schemaOfFields,
  specsOfFields,
  wordOfField,
} from "../../model/mod.ts";

describe("fieldsOf()", () => {
  it("reads words and specs into one form, in order", () => {
    const fields = fieldsOf({
      a: "number",
      b: "string[]?",
      c: { type: "object", fields: { d: "any" }, personal: true },
    });
    assert.deepEqual(fields.map(({ name }) => name), ["a", "b", "c"]);
    assert.deepEqual(fields.map(wordOfField), [
      "number",
      "string[]?",
      "object",
    ]);
    assert.equal(fields[2]?.fields[0]?.type, "any");
    assert.equal(fields[2]?.personal, true);
    assert.deepEqual(fieldsOf(undefined), []);
  });

  for (const word of ["", "text", "string?[]", "[]", "String", "string??"]) {
    it(`refuses ${JSON.stringify(word)}`, () => {
      assert.throws(() => fieldsOf({ a: word as FieldWord }), /field "a"/);
    });
  }

  it("is undone by specsOfFields()", () => {
    const specs = {
      a: "number",
      b: "string[]?",
      c: { type: "object", fields: { d: "any?" } },
      e: { type: "date", personal: true, text: "when" },
      f: { type: "uuid", subject: true, from: ["a.B.c"], list: true },
    } as const;
    assert.deepEqual(specsOfFields(fieldsOf(specs)), specs);
  });
});

describe("misfitOf()", () => {
  const misfit = (field: FieldWord | FieldSpec, value: unknown) =>
    misfitOf(fieldsOf({ it: field })[0]!, value);
  const good: Record<FieldType, unknown[]> = {
    string: ["", "a"],
    number: [1, 1.5, -2],
    integer: [0, -3],
    boolean: [true, false],
    date: ["2026-05-01"],
    datetime: ["2026-05-01T12:00:00.000Z", "2026-05-01T12:00+02:00"],
    uuid: ["6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
    object: [{}, { a: 1 }],
    any: [null, 0, "", [], {}],
  };
  const bad: Record<FieldType, unknown[]> = {
    string: [1, null, [], {}],
    number: ["1", null, true],
    integer: [1.5, "1"],
    boolean: [0, "true"],
    date: ["1.5.2026", "2026-05-01T12:00", 1],
    datetime: ["2026-05-01", 1],
    uuid: ["6ba7b810", 1],
    object: [[], null, "x"],
    any: [],
  };
  for (const [type, values] of Object.entries(good)) {
    it(`finds nothing wrong with what is of type ${type}`, () => {
      for (const value of values) {
        assert.equal(misfit(type as FieldType, value), undefined);
        assert.equal(
          misfit(`${type as FieldType}[]`, [value, value]),
          undefined,
        );
      }
    });
  }
  for (const [type, values] of Object.entries(bad)) {
    it(`says what is not of type ${type}`, () => {
      for (const value of values) {
        assert.match(
          misfit(type as FieldType, value)!.message,
          /^"it" is of type/,
        );
        const inList = misfit(`${type as FieldType}[]`, [value]);
        assert.equal(inList?.place, "it[0]");
      }
    });
  }

  it("looks into objects and lists of them", () => {
    const field: FieldSpec = {
      type: "object",
      list: true,
      fields: { price: "number", note: "string?" },
    };
    assert.equal(misfit(field, [{ price: 1 }]), undefined);
    assert.deepEqual(misfit(field, [{ price: 1 }, {}]), {
      place: "it[1].price",
      missing: true,
      message: '"it[1].price" is missing',
    });
    assert.equal(misfit(field, [{ price: 1, note: 2 }])?.place, "it[0].note");
    assert.match(misfit(field, { price: 1 })!.message, /"it" is a list/);
  });
});

describe("fieldsOfExamples()", () => {
  it("tells types, lists, parts, and what may be absent", () => {
    assert.deepEqual(
      fieldsOfExamples([
        { a: 1, b: ["x"], c: { d: true }, e: 1, f: [] },
        { a: 2, b: [], c: { d: false, g: 1 }, e: "x", f: [] },
      ]),
      {
        a: { type: "number" },
        b: { type: "string", list: true },
        c: {
          type: "object",
          fields: {
            d: { type: "boolean" },
            g: { type: "number", optional: true },
          },
        },
        e: { type: "any" },
        f: { type: "any", list: true },
      },
    );
  });

  it("tells nothing of what is no object, or of no example", () => {
    assert.equal(fieldsOfExamples([]), undefined);
    assert.equal(fieldsOfExamples([{ a: 1 }, undefined]), undefined);
    assert.equal(fieldsOfExamples([3]), undefined);
    assert.equal(fieldsOfExamples([[1]]), undefined);
  });
});

describe("schemaOfFields()", () => {
  it("requires nothing where all may be absent", () => {
    assert.deepEqual(schemaOfFields({ a: "string?" }), {
      type: "object",
      properties: { a: { type: "string" } },
    });
    assert.deepEqual(schemaOfFields(undefined), {
      type: "object",
      properties: {},
    });
  });

  it("describes every type", () => {
    assert.deepEqual(
      schemaOfFields({
        a: "integer",
        b: "datetime[]?",
        c: { type: "object", fields: { d: "uuid" }, text: "Why." },
        e: "any",
      }),
      {
        type: "object",
        properties: {
          a: { type: "integer" },
          b: { type: "array", items: { type: "string", format: "date-time" } },
          c: {
            type: "object",
            properties: { d: { type: "string", format: "uuid" } },
            required: ["d"],
            description: "Why.",
          },
          e: {},
        },
        required: ["a", "c", "e"],
      },
    );
  });
});
