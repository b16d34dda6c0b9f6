import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import {
  parseAllFiles,
  scanCatalogFiles,
  validateCatalog,
} from "@eventcatalog/linter";
import { Ajv } from "ajv";
import {
  cloudEventsCodec,
  parseActorId,
  subjectsOf,
  ulid,
} from "../../event/mod.ts";
import {
  fromEventModeling,
  type Model,
  toAsyncApi,
  toEventCatalog,
  toEventModeling,
} from "../../model/mod.ts";
import { booking } from "../../examples/booking/model.ts";
import { eventModelingSchema } from "./_event_modeling_schema.ts";
import { bigModel, everything } from "./_models.ts";

const MODELS: readonly Model[] = [
  booking,
  everything,
  bigModel(200),
  { name: "nothing" },
];

/** What a schema finds wrong with a document. */
function validator(schema: object): (document: unknown) => string[] {
  const ajv = new Ajv({
    strict: false,
    allErrors: true,
    validateFormats: false,
  });
  const validate = ajv.compile(schema);
  return (document) =>
    validate(document)
      ? []
      : validate.errors!.map(({ instancePath, message }) =>
        `${instancePath} ${message}`
      );
}

const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));

describe("toAsyncApi()", () => {
  const schema = JSON.parse(readFileSync(
    new URL(
      "../../node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json",
      import.meta.url,
    ),
    "utf8",
  ));
  const problems = validator(schema);

  it("writes documents that AsyncAPI's own schema takes", () => {
    for (const model of MODELS) {
      const document = asJson(toAsyncApi(model, { namespace: "prod.eu" }));
      assert.deepEqual(problems(document), []);
    }
  });

  it("is checked by a schema that refuses what is broken", () => {
    const document = asJson(toAsyncApi(booking, { namespace: "hotel" }));
    document.operations["room.publish"].action = "shout";
    assert.notDeepEqual(problems(document), []);
  });

  it("refers to nothing that is not there", () => {
    const document = asJson(toAsyncApi(everything, { namespace: "bank" }));
    const refs = JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g);
    let count = 0;
    for (const [, path] of refs) {
      count++;
      const found = path!.split("/").reduce(
        (at, part) => at?.[part.replaceAll("~1", "/").replaceAll("~0", "~")],
        document,
      );
      assert(found !== undefined, path);
    }
    assert(count > 20);
  });

  it("names the subjects that Aether uses", () => {
    const { channels } = asJson(toAsyncApi(booking, { namespace: "prod.eu" }));
    const subjects = subjectsOf("prod.eu");
    const room = parseActorId("room-7");
    const at = (channel: string) =>
      channels[channel].address.replace("{key}", "7");
    assert.equal(at("room"), subjects.bus(room));
    assert.equal(at("room.hold.request"), subjects.ask(room, "hold"));
    assert.equal(at("room.nights.request"), subjects.ask(room, "nights"));
  });

  it("describes events as they are stored", () => {
    const { components } = asJson(
      toAsyncApi(everything, { namespace: "bank" }),
    );
    const encode = (data: unknown, count = 1) => {
      const event = {
        id: ulid(),
        eventType: "Deposited",
        actorId: "account-ada",
        version: 1,
        data,
        timestamp: new Date(),
        commandId: "c",
        metadata: { correlationId: "a", userId: "u" },
      };
      const events = Array.from({ length: count }, () => event);
      const { body, contentType } = cloudEventsCodec.encode("bank", events);
      return { contentType, json: JSON.parse(new TextDecoder().decode(body)) };
    };
    const { contentType, payload } = components.messages["account.Deposited"];
    const good = encode({ amount: 1, at: "2026-05-01T12:00:00Z" });
    assert.equal(contentType, good.contentType);
    assert.deepEqual(validator(payload)(good.json), []);
    assert.notDeepEqual(validator(payload)(encode({ amount: "1" }).json), []);
    const batch = components.messages["account.batch"];
    const two = encode({ amount: 1, at: "2026-05-01T12:00:00Z" }, 2);
    assert.equal(batch.contentType, two.contentType);
    assert.deepEqual(validator(batch.payload)(two.json), []);
  });

  it("says what the model says, and nothing where it says nothing", () => {
    const { channels, components } = asJson(
      toAsyncApi(booking, { namespace: "hotel" }),
    );
    assert.equal(
      channels.room.description,
      "One room, and who has which night.",
    );
    assert.equal(
      components.messages["room.Refused"].summary,
      "Somebody else has one of the nights.",
    );
    assert.equal("summary" in components.messages["room.Held"], false);
    assert.equal("summary" in components.messages["room.hold.request"], false);
    assert.equal(
      components.messages["room.nights.request"].summary,
      "Who has which night.",
    );
    const reply = JSON.stringify(components.messages["booking.checkIn.reply"]);
    assert.match(reply, /details\.reason says why: not_confirmed/);
  });

  it("refuses what is no namespace", () => {
    assert.throws(() => toAsyncApi(booking, { namespace: "a b" }), /namespace/);
  });
});

describe("toEventCatalog()", () => {
  /** What EventCatalog's own linter finds in a folder with these files. */
  async function lintOf(files: ReadonlyMap<string, string>): Promise<string[]> {
    const folder = mkdtempSync(join(tmpdir(), "aether-catalog-"));
    try {
      for (const [path, text] of files) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
      const found = await scanCatalogFiles(folder);
      const pages = [...files.keys()].filter((path) => path.endsWith(".mdx"));
      assert.equal(found.length, pages.length, "every page is looked at");
      const { parsed, errors } = await parseAllFiles(found);
      assert.deepEqual(errors, []);
      return validateCatalog(parsed).map(({ file, rule, message }) =>
        `${rule}: ${file}: ${message}`
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  it("writes catalogs in which EventCatalog's own linter finds nothing but messages without fields", async () => {
    for (const model of MODELS) {
      const found = await lintOf(toEventCatalog(model, { team: "hotel" }));
      assert.deepEqual(
        found.filter((one) =>
          !one.startsWith("best-practices/schema-required")
        ),
        [],
      );
    }
  });

  it("is checked by a linter that finds what is broken", async () => {
    const files = new Map(toEventCatalog(booking, { team: "hotel" }));
    files.delete("events/room.Held/index.mdx");
    const found = await lintOf(files);
    assert(found.some((one) => one.includes("room.Held")), found.join("\n"));
  });

  it("has aggregates, policies, read models and systems send and receive", () => {
    const files = toEventCatalog(booking);
    const head = (path: string) => files.get(path)!;
    assert.match(
      head("services/policy.HoldRoom/index.mdx"),
      /sends: \[\{"id":"room\.hold","version":"1\.0\.0"\}\]\nreceives: \[\{"id":"booking\.Requested"/,
    );
    assert.match(
      head("services/system.mail/index.mdx"),
      /externalSystem: true/,
    );
    assert.match(
      head("domains/inventory/index.mdx"),
      /services: \[\{"id":"room"/,
    );
    assert.deepEqual(
      JSON.parse(head("events/room.Held/schema.json")).required,
      ["booking", "nights"],
    );
  });

  it("refuses a version that is not semantic", () => {
    assert.throws(() => toEventCatalog(booking, { version: "1" }), /semantic/);
  });
});

describe("toEventModeling()", () => {
  const problems = validator(eventModelingSchema());

  it("writes documents that the format's schema takes", () => {
    for (const model of MODELS) {
      assert.deepEqual(problems(asJson(toEventModeling(model))), []);
    }
  });

  it("is checked by a schema that refuses what is broken", () => {
    const document = asJson(toEventModeling(booking));
    document.slices[0].sliceType = "GUESS";
    document.slices[1].colour = "red";
    assert(problems(document).length >= 2);
  });

  it("names contexts, aggregates and people where they are", () => {
    const { slices } = toEventModeling(booking);
    const hold = slices.find(({ id }) => id === "slice room.hold");
    assert.equal(hold?.context, "inventory");
    assert.deepEqual(hold?.aggregates, ["room"]);
    assert.equal("actors" in hold!, false);
    const cancel = slices.find(({ id }) => id === "slice booking.cancel");
    assert.deepEqual(cancel?.actors?.map(({ name }) => name), [
      "guest",
      "reception",
    ]);
    assert.deepEqual(slices.map(({ index }) => index), [...slices.keys()]);
  });

  it("gives every element that is linked to an id of its own", () => {
    const { slices } = toEventModeling(everything);
    const elements = slices.flatMap((slice) => [
      ...slice.commands,
      ...slice.events,
      ...slice.readmodels,
      ...slice.screens,
      ...slice.processors,
    ]);
    const ids = new Set(elements.map(({ id }) => id));
    for (const { id, dependencies } of elements) {
      for (const link of dependencies) {
        assert(ids.has(link.id), `${id} → ${link.id}`);
      }
    }
  });
});

describe("fromEventModeling()", () => {
  const back = (model: Model) =>
    fromEventModeling(asJson(toEventModeling(model)), { name: model.name });

  it("reads back what was written, but for what the format has no place for", () => {
    const model = back(booking);
    assert.deepEqual(model.policies, sorted(model.policies, booking.policies));
    assert.deepEqual(model.readModels, booking.readModels);
    assert.deepEqual(
      Object.keys(model.systems!).sort(),
      Object.keys(booking.systems).sort(),
    );
    assert.deepEqual(Object.keys(model.people!), ["guest", "reception"]);
    const { request } = model.aggregates!["booking"]!.commands!;
    assert.deepEqual(request!.emits, ["Requested"]);
    assert.deepEqual(request!.by, ["guest"]);
    assert.deepEqual(
      model.aggregates!["booking"]!.events!["Requested"]!.fields,
      {
        room: "string",
        nights: "date[]",
        guest: { type: "string", subject: true },
        email: "string",
      },
    );
    assert.equal(
      model.aggregates!["booking"]!.events!["CheckedIn"]!.pivotal,
      true,
    );
    assert.deepEqual(
      model.specifications!.toSorted(byName),
      booking.specifications.toSorted(byName),
    );
  });

  it("loses nothing on a second way there and back", () => {
    for (const model of MODELS) {
      const once = back(model);
      assert.deepEqual(back(once), once);
    }
  });

  it("takes names that every object has for names like any other", () => {
    const model: Model = {
      name: "odd",
      aggregates: {
        constructor: {
          events: { valueOf: {} },
          commands: {
            toString: { emits: ["valueOf"], by: ["hasOwnProperty"] },
          },
        },
      },
      people: { hasOwnProperty: {} },
      policies: { isPrototypeOf: { on: ["constructor.valueOf"] } },
    };
    assert.deepEqual(back(model), model);
  });

  it("reads titles as names, and what has no links by what stands together", () => {
    const element = (type: string, title: string, rest = {}) => ({
      id: `${type} ${title}`,
      title,
      type,
      fields: [],
      dependencies: [],
      ...rest,
    });
    const none = {
      readmodels: [],
      screens: [],
      processors: [],
      tables: [],
      specifications: [],
    };
    const document = {
      slices: [{
        ...none,
        id: "1",
        title: "slice: Add Item",
        sliceType: "STATE_CHANGE",
        context: "Shopping Cart",
        aggregates: ["Cart"],
        actors: [{ name: "Shop Customer", authRequired: false }],
        commands: [element("COMMAND", "Add Item", {
          fields: [
            { name: "price", type: "Decimal" },
            {
              name: "tags",
              type: "String",
              cardinality: "List",
              optional: true,
            },
          ],
        })],
        events: [
          element("EVENT", "Item Added"),
          element("EVENT", "Größe geändert"),
          element("EVENT", "件"),
        ],
      }],
    };
    assert.deepEqual(validator(eventModelingSchema())(document), []);
    assert.deepEqual(fromEventModeling(document, { name: "shop" }), {
      name: "shop",
      aggregates: {
        Cart: {
          events: { ItemAdded: {}, GrosseGeandert: {}, U4EF6: {} },
          commands: {
            addItem: {
              fields: { price: "number", tags: "string[]?" },
              emits: ["ItemAdded", "GrosseGeandert", "U4EF6"],
              by: ["ShopCustomer"],
            },
          },
        },
      },
      people: { ShopCustomer: {} },
      contexts: { ShoppingCart: { aggregates: ["Cart"] } },
    });
  });

  const refused: readonly [string, unknown, RegExp][] = [
    ["nothing", null, /\$\.slices is a list: got undefined/],
    ["no slices", { slices: {} }, /\$\.slices is a list: got object/],
    [
      "a slice that is none",
      { slices: [null] },
      /slices\[0\]\.title is a text/,
    ],
    [
      "an element without an id",
      {
        slices: [{
          title: "x",
          specifications: [],
          commands: [{ title: "y" }],
        }],
      },
      /slices\[0\]\.commands\[0\]\.id is a text: got undefined/,
    ],
  ];
  for (const [what, document, message] of refused) {
    it(`refuses ${what}, and names the place`, () => {
      assert.throws(() => fromEventModeling(document, { name: "x" }), message);
    });
  }
});

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}

/** A record with its keys in the order of another. */
function sorted(order: object | undefined, record: object): object {
  return Object.fromEntries(
    Object.keys(order ?? {}).map((key) => [key, record[key as never]]),
  );
}
