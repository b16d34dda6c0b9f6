import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  boardOf,
  boardOfContexts,
  type Model,
  storyOf,
} from "../../model/mod.ts";
import { booking } from "../../examples/booking/model.ts";
import { bigModel, everything } from "./_models.ts";

describe("boardOf()", () => {
  it("has every note once", () => {
    const { notes, note } = boardOf(everything);
    const ids = notes.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (
      const id of [
        "account",
        "account.Opened",
        "account.open",
        "account.balance",
        "policy:Watch",
        "readModel:Statement",
        "person:idler",
        "system:police",
        "hotspot:1",
        "hotspot:2",
        "opportunity:1",
      ]
    ) assert.equal(note(id)?.id, id);
    assert.equal(note("account.Opened")?.context, "money");
    assert.equal(note("account.Opened")?.pivotal, true);
    assert.equal(note("hotspot:2")?.settled, true);
  });

  it("has an arrow for every way in which a note leads to another", () => {
    const { arrows } = boardOf(everything);
    const drawn = arrows.map(({ from, kind, to }) => `${from} ${kind} ${to}`);
    assert.deepEqual(drawn.sort(), [
      "account.Deposited feeds readModel:Statement",
      "account.Deposited triggers policy:Watch",
      "account.Opened triggers policy:Watch",
      "account.Seized is told to system:police",
      "account.balance is shown to person:clerk",
      "account.close leads to account.Closed",
      "account.close leads to account.Seized",
      "account.close sends end.finish",
      "account.deposit leads to account.Deposited",
      "account.open leads to account.Opened",
      "end.finish leads to end.Ended",
      "person:clerk gives account.deposit",
      "person:clerk gives account.open",
      "policy:Watch calls system:police",
      "policy:Watch sends account.close",
      "policy:Watch sends end.finish",
      "readModel:Statement is shown to person:clerk",
      "system:till sends account.deposit",
    ]);
  });
});

describe("boardOfContexts()", () => {
  it("has what lies in the contexts, and the people and systems around it", () => {
    const { notes, arrows } = boardOfContexts(everything, ["law"]);
    assert.deepEqual(notes.map(({ id }) => id), [
      "end",
      "end.finish",
      "end.Ended",
      "policy:Watch",
      "system:police",
    ]);
    for (const { from, to } of arrows) {
      assert(notes.some(({ id }) => id === from), from);
      assert(notes.some(({ id }) => id === to), to);
    }
  });

  it("keeps the hotspots of what is there", () => {
    const { notes } = boardOfContexts(everything, ["money"]);
    assert(notes.some(({ id }) => id === "hotspot:1"));
    assert(!notes.some(({ id }) => id === "hotspot:2"));
  });
});

describe("storyOf()", () => {
  const told = (model: Model) => storyOf(model).map(({ note }) => note.id);

  it("tells what each step sets off before the next", () => {
    assert.deepEqual(told(booking), [
      "booking.request",
      "policy:HoldRoom",
      "room.hold",
      "policy:ConfirmBooking",
      "booking.confirm",
      "policy:WriteToGuest",
      "policy:DeclineBooking",
      "booking.decline",
      "booking.cancel",
      "readModel:Arrivals",
      "policy:ReleaseRoom",
      "room.release",
      "room.nights",
      "booking.checkIn",
      "booking.checkOut",
      "booking.status",
    ]);
  });

  it("begins with the timeline", () => {
    assert.deepEqual(told(everything).slice(0, 2), [
      "account.open",
      "policy:Watch",
    ]);
  });

  it("tells every command, policy, read model and query once, whatever leads to it", () => {
    for (const model of [booking, everything, bigModel(300)]) {
      const ids = told(model);
      assert.equal(new Set(ids).size, ids.length);
      const { notes } = boardOf(model);
      const kinds = ["command", "policy", "readModel", "query"];
      const expected = notes.filter(({ kind }) => kinds.includes(kind));
      assert.deepEqual(
        ids.filter((id) => expected.some((note) => note.id === id)).sort(),
        expected.map(({ id }) => id).sort(),
      );
    }
  });

  it("comes to an end where policies go round in a circle", () => {
    const model: Model = {
      name: "circle",
      aggregates: {
        a: { events: { Done: {} }, commands: { do: { emits: ["Done"] } } },
      },
      policies: { Again: { on: ["a.Done"], sends: ["a.do"] } },
    };
    assert.deepEqual(told(model), ["a.do", "policy:Again"]);
  });

  it("tells an event that nothing leads to, and what it triggers", () => {
    const model: Model = {
      name: "elsewhere",
      aggregates: { a: { events: { Done: {} } } },
      policies: { React: { on: ["a.Done"] } },
    };
    assert.deepEqual(told(model), ["a.Done", "policy:React"]);
  });
});
