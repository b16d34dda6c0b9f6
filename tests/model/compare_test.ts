import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Aggregate,
  compareModels,
  type Fields,
  type Model,
} from "../../model/mod.ts";
import { everything } from "./_models.ts";

const bank = (account: Aggregate): Model => ({
  name: "bank",
  aggregates: { account },
});
const event = (fields?: Fields): Model =>
  bank({ events: { Deposited: fields === undefined ? {} : { fields } } });
const command = (fields: Fields): Model =>
  bank({ commands: { deposit: { fields } } });

/** Changes in short: kind, place, `!` where it breaks, what an upcaster does. */
function changes(before: Model, after: Model): string[] {
  return compareModels(before, after).map((
    { kind, at, breaking, upcaster },
  ) =>
    `${kind} ${at}${breaking ? "!" : ""}${
      upcaster === undefined
        ? ""
        : ` ${upcaster.does} ${upcaster.field ?? upcaster.event}`
    }`
  );
}

describe("compareModels()", () => {
  it("finds no change where there is none", () => {
    assert.deepEqual(
      compareModels(everything, structuredClone(everything)),
      [],
    );
  });

  it("tells what stored events call for", () => {
    assert.deepEqual(
      changes(event({ amount: "number" }), event({ amount: "string" })),
      ["type_changed account.Deposited.amount! convert amount"],
    );
    assert.deepEqual(
      changes(event({ amount: "number" }), event({ amount: "number[]" })),
      ["type_changed account.Deposited.amount! convert amount"],
    );
    assert.deepEqual(
      changes(event({}), event({ currency: "string" })),
      ["field_added account.Deposited.currency! supply currency"],
    );
    assert.deepEqual(
      changes(event({ note: "string?" }), event({ note: "string" })),
      ["became_required account.Deposited.note! supply note"],
    );
  });

  it("tells what breaks those who read events, and needs no upcaster", () => {
    assert.deepEqual(
      changes(event({ amount: "number" }), event({})),
      ["field_removed account.Deposited.amount!"],
    );
    assert.deepEqual(
      changes(event({ note: "string" }), event({ note: "string?" })),
      ["became_optional account.Deposited.note!"],
    );
  });

  it("takes what may be absent for harmless", () => {
    assert.deepEqual(
      changes(event({}), event({ note: "string?" })),
      ["field_added account.Deposited.note"],
    );
  });

  it("looks into objects", () => {
    const lines = (type: "number" | "string"): Fields => ({
      lines: { type: "object", list: true, fields: { price: type } },
    });
    assert.deepEqual(
      changes(event(lines("number")), event(lines("string"))),
      ["type_changed account.Deposited.lines.price! convert lines.price"],
    );
  });

  it("says nothing of fields where one of two tells none", () => {
    assert.deepEqual(changes(event(), event({ amount: "number" })), []);
    assert.deepEqual(changes(event({ amount: "number" }), event()), []);
  });

  it("tells what breaks those who give commands", () => {
    assert.deepEqual(
      changes(command({}), command({ amount: "number" })),
      ["field_added account.deposit.amount!"],
    );
    assert.deepEqual(
      changes(command({ amount: "number" }), command({})),
      ["field_removed account.deposit.amount"],
    );
    assert.deepEqual(
      changes(command({ note: "string" }), command({ note: "string?" })),
      ["became_optional account.deposit.note"],
    );
    assert.deepEqual(
      changes(command({ a: "number" }), command({ a: "string" })),
      ["type_changed account.deposit.a!"],
    );
  });

  it("tells what is gone and what is new", () => {
    const before: Model = {
      name: "x",
      aggregates: {
        account: {
          events: { Opened: {} },
          commands: { open: {} },
          queries: { owner: {} },
        },
        till: {},
      },
      policies: { Greet: {} },
      readModels: { Owners: {} },
    };
    const after: Model = {
      name: "x",
      aggregates: {
        account: {
          events: { AccountOpened: {} },
          commands: { openAccount: {} },
          queries: { holder: {} },
        },
        safe: {},
      },
      policies: { Welcome: {} },
      readModels: { Holders: {} },
    };
    assert.deepEqual(changes(before, after), [
      "event_removed account.Opened! map account.Opened",
      "event_added account.AccountOpened",
      "command_removed account.open!",
      "command_added account.openAccount",
      "query_removed account.owner!",
      "query_added account.holder",
      "aggregate_removed till!",
      "aggregate_added safe",
      "read_model_removed readModel:Owners!",
      "read_model_added readModel:Holders",
      "policy_removed policy:Greet",
      "policy_added policy:Welcome",
    ]);
    const [removed] = compareModels(before, after);
    assert.match(removed!.upcaster!.message, /"AccountOpened"/);
  });

  it("takes new fields of what is only read for harmless", () => {
    const view = (fields: Fields): Model => ({
      name: "x",
      readModels: { V: { fields } },
    });
    assert.deepEqual(
      changes(view({ a: "number" }), view({ b: "number" })),
      ["field_removed readModel:V.a!", "field_added readModel:V.b"],
    );
  });
});
