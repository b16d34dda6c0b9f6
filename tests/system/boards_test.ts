import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assertModel, lint, type Model } from "../../model/mod.ts";
import { checkInvariants, checkSpecifications } from "../../testing/mod.ts";
import { Account } from "../../examples/02_bank_account.ts";
import { Booking, Room } from "../../examples/booking/actors.ts";
import { booking } from "../../examples/booking/model.ts";
import { File } from "../../examples/git_history/file_actor.ts";
import { bankModel } from "../../examples/models/bank.ts";
import { BOARDS, makeBoards } from "../../examples/models/boards.ts";
import { gitHistoryModel } from "../../examples/models/git_history.ts";

const made = await makeBoards();

describe("the boards of the examples", () => {
  for (const [file, text] of made) {
    it(`${file} is what its model gives (else: deno task boards)`, () => {
      assert.equal(readFileSync(BOARDS + file, "utf8"), text);
    });
  }

  it("are all there are", () => {
    assert.deepEqual(readdirSync(BOARDS).sort(), [...made.keys()].sort());
  });
});

describe("the models of the examples", () => {
  it("are what the code is", async () => {
    assertModel(await bankModel(), [Account]);
    assertModel(await gitHistoryModel(), [File]);
    assertModel(booking, [Booking, Room], { partial: true });
  });

  it("leave nothing open but what is marked as open", async () => {
    const rules = async (model: Model | Promise<Model>) =>
      lint(await model).map(({ rule }) => rule);
    assert.deepEqual(await rules(bankModel()), ["open-hotspot"]);
    assert.deepEqual(await rules(gitHistoryModel()), []);
    assert.deepEqual(await rules(booking), ["open-hotspot"]);
  });

  it("behave as they say", async () => {
    await checkSpecifications(booking, [Booking, Room]);
    await checkSpecifications(await bankModel(), [Account]);
  });

  it("keep what always holds: no account is overdrawn", async () => {
    await checkInvariants(Account, {
      commands: {
        deposit: (chance) => ({ amount: 1 + chance.int(100) }),
        withdraw: (chance) => ({ amount: 1 + chance.int(100) }),
      },
      invariants: { "no account is overdrawn": (s) => s.balance >= 0 },
    });
  });
});
