/**
 * What a model is made of, place by place, for models that no compiler has
 * looked at: which keys there are, and what stands under them.
 */

/** What may stand at a place. */
type Shape =
  | "text"
  | "flag"
  | "names"
  | "anything"
  | { readonly one: Keys }
  | { readonly many: Shape }
  | { readonly named: Shape }
  | { readonly either: readonly [Shape, Shape] };

/** Keys with what stands under them; one that ends in "!" may not be missing. */
type Keys = Readonly<Record<string, Shape>>;

const field: { one: Record<string, Shape> } = {
  one: {
    "type!": "text",
    list: "flag",
    optional: "flag",
    personal: "flag",
    subject: "flag",
    from: "names",
    text: "text",
  },
};
const fields: Shape = { named: { either: ["text", field] } };
field.one["fields"] = fields;

const example: Shape = { one: { "type!": "text", data: "anything" } };
const sticking: Keys = { on: "text", "text!": "text" };
const named = (one: Keys): Shape => ({
  named: { one: { text: "text", ...one } },
});

const MODEL: Shape = {
  one: {
    "name!": "text",
    version: "text",
    text: "text",
    aggregates: named({
      keyIsSubject: "flag",
      events: named({
        fields,
        pivotal: "flag",
        first: "flag",
        last: "flag",
        after: "names",
        notAfter: "names",
      }),
      commands: named({
        fields,
        emits: "names",
        sends: "names",
        rejects: "names",
        by: "names",
      }),
      queries: named({ fields, by: "names" }),
    }),
    people: named({}),
    policies: named({ on: "names", sends: "names", calls: "names" }),
    readModels: named({ from: "names", fields, shownTo: "names" }),
    systems: named({ on: "names", sends: "names" }),
    contexts: named({
      aggregates: "names",
      policies: "names",
      readModels: "names",
    }),
    relations: {
      many: {
        one: { "from!": "text", "to!": "text", "kind!": "text", text: "text" },
      },
    },
    hotspots: { many: { one: { ...sticking, settled: "text" } } },
    opportunities: { many: { one: sticking } },
    glossary: {
      named: {
        either: [
          "text",
          { one: { "text!": "text", context: "text", avoid: "names" } },
        ],
      },
    },
    swimlanes: { named: "names" },
    timeline: "names",
    specifications: {
      many: {
        one: {
          "of!": "text",
          "name!": "text",
          given: { many: example },
          "when!": example,
          "then!": {
            either: [{ many: example }, { one: { "rejected!": "text" } }],
          },
        },
      },
    },
  },
};

/** Says what does not belong where it stands in a model. */
export function shapeProblems(model: unknown): string[] {
  return problemsAt(model, MODEL, "");
}

function problemsAt(value: unknown, shape: Shape, at: string): string[] {
  const place = at === "" ? "a model" : at;
  if (shape === "anything") return [];
  if (shape === "text") {
    return typeof value === "string" ? [] : [`${place} is a text`];
  }
  if (shape === "flag") {
    return typeof value === "boolean" ? [] : [`${place} is true or false`];
  }
  if (shape === "names") return problemsAt(value, { many: "text" }, at);
  if ("either" in shape) {
    const [first, second] = shape.either;
    const isFirst = typeof first === "string"
      ? typeof value === "string"
      : "many" in first && Array.isArray(value);
    return problemsAt(value, isFirst ? first : second, at);
  }
  if ("many" in shape) {
    if (!Array.isArray(value)) return [`${place} is a list`];
    return value.flatMap((item, index) =>
      problemsAt(item, shape.many, `${at}[${index}]`)
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [`${place} is an object`];
  }
  if ("named" in shape) {
    return Object.entries(value).flatMap(([key, part]) =>
      problemsAt(part, shape.named, at === "" ? key : `${at}.${key}`)
    );
  }
  const known = new Map(
    Object.entries(shape.one).map((
      [key, inner],
    ) => [key.replace("!", ""), inner]),
  );
  const missing = Object.keys(shape.one).flatMap((key) => {
    const name = key.slice(0, -1);
    const held = (value as Record<string, unknown>)[name];
    return key.endsWith("!") && held === undefined
      ? [`${place} lacks its "${name}"`]
      : [];
  });
  const wrong = Object.entries(value).flatMap(([key, part]) => {
    // A key without a value is as good as none.
    if (part === undefined) return [];
    const inner = known.get(key);
    return inner === undefined
      ? [`${place} has no "${key}"`]
      : problemsAt(part, inner, at === "" ? key : `${at}.${key}`);
  });
  return [...missing, ...wrong];
}
