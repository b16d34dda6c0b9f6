/** The bank as a model: names read off the code, the rest told and observed. */
import type { Model } from "@flowmade/aether/model";
import { modelOf } from "@flowmade/aether/model";
import { checkSpecifications } from "@flowmade/aether/testing";
import { Account } from "../02_bank_account.ts";

const told: Model = {
  name: "bank",
  text: "Accounts that cannot be overdrawn.",
  people: { customer: {} },
  aggregates: {
    account: {
      text: "Money that belongs to somebody.",
      commands: {
        deposit: { by: ["customer"] },
        withdraw: { by: ["customer"] },
      },
      queries: { balance: { fields: { balance: "number" }, by: ["customer"] } },
    },
  },
  hotspots: [{
    on: "account.withdraw",
    text: "May some customers overdraw?",
  }],
  specifications: [
    {
      of: "account",
      name: "money comes in",
      when: { type: "deposit", data: { amount: 100 } },
      then: [{ type: "Deposited", data: { amount: 100 } }],
    },
    {
      of: "account",
      name: "money goes out",
      given: [{ type: "Deposited", data: { amount: 100 } }],
      when: { type: "withdraw", data: { amount: 30 } },
      then: [{ type: "Withdrawn", data: { amount: 30 } }],
    },
    {
      of: "account",
      name: "never more than there is",
      given: [{ type: "Deposited", data: { amount: 100 } }],
      when: { type: "withdraw", data: { amount: 500 } },
      then: { rejected: "insufficient_funds" },
    },
  ],
};

/** Runs the specifications, and reads the model off code and what they showed. */
export async function bankModel(): Promise<Model> {
  return modelOf([Account], told, await checkSpecifications(told, [Account]));
}
