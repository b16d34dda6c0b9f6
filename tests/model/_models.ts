/** Models that several tests look at. */
import { checkModel, defineModel, type Model } from "../../model/mod.ts";

/** A model with one of everything, and names that are hard to write. */
export const everything = defineModel({
  name: 'all "of" <it> & more; #1',
  version: "1.2.3",
  text: "Has | everything, `even` this:\n{x} </title> %%{init}%%",
  people: { clerk: { text: 'Sits "here".' }, idler: {} },
  aggregates: {
    account: {
      text: "Money <b>of</b> somebody.",
      keyIsSubject: true,
      events: {
        Opened: {
          first: true,
          pivotal: true,
          fields: {
            owner: { type: "string", personal: true },
            tags: "string[]?",
            address: {
              type: "object",
              text: "Where it goes.",
              fields: { street: "string", number: "integer?" },
            },
          },
        },
        Deposited: {
          after: ["Opened"],
          fields: { amount: "number", at: "datetime", ref: "uuid?" },
        },
        Closed: { last: true, notAfter: ["Seized"] },
        Seized: {},
      },
      commands: {
        open: {
          fields: { owner: { type: "string", personal: true } },
          emits: ["Opened"],
          by: ["clerk"],
          rejects: ["is_open"],
        },
        deposit: {
          fields: { amount: "number" },
          emits: ["Deposited"],
          by: ["clerk"],
        },
        close: { emits: ["Closed", "Seized"], sends: ["end.finish"] },
      },
      queries: { balance: { fields: { balance: "number" }, by: ["clerk"] } },
    },
    end: {
      events: { Ended: {} },
      commands: { finish: { emits: ["Ended"] } },
    },
  },
  policies: {
    Watch: {
      on: ["account.Deposited", "account.Opened"],
      sends: ["end.finish", "account.close"],
      calls: ["police"],
    },
  },
  readModels: {
    Statement: {
      from: ["account.Deposited"],
      fields: {
        amount: "number",
        when: { type: "datetime", from: ["account.Deposited.at"] },
      },
      shownTo: ["clerk"],
    },
  },
  systems: {
    police: { on: ["account.Seized"] },
    till: { sends: ["account.deposit"] },
  },
  contexts: {
    money: {
      aggregates: ["account"],
      readModels: ["Statement"],
      text: "All of it.",
    },
    law: { aggregates: ["end"], policies: ["Watch"] },
  },
  relations: [{ from: "money", to: "law", kind: "open_host_service" }],
  hotspots: [
    { on: "account.Seized", text: 'Who "decides" <this> & why?' },
    { text: "Is this all?", settled: "Yes." },
  ],
  opportunities: [{ on: "person:clerk", text: "Let it run by itself." }],
  glossary: {
    money: "What is counted.",
    till: { text: "Where it lies.", context: "money", avoid: ["box"] },
  },
  swimlanes: { "Front & back": ["account", "end"] },
  timeline: ["account.open", "policy:Watch"],
  specifications: [{
    of: "account",
    name: "opens | once",
    given: [{ type: "Opened", data: { owner: "ada | `x`" } }],
    when: { type: "open", data: { owner: "bob" } },
    then: { rejected: "is_open" },
  }, {
    of: "account",
    name: "opens",
    when: { type: "open", data: { owner: "ada" } },
    then: [{ type: "Opened", data: { owner: "ada" } }],
  }],
});

/** A model with about so many notes. */
export function bigModel(notes: number): Model {
  const count = Math.ceil(notes / 52);
  const name = (index: number) => `aggregate${index}`;
  const aggregates: Record<string, unknown> = {};
  const policies: Record<string, unknown> = {};
  const readModels: Record<string, unknown> = {};
  for (let index = 0; index < count; index++) {
    const events: Record<string, unknown> = {};
    const commands: Record<string, unknown> = {};
    for (let step = 0; step < 16; step++) {
      events[`VeryImportantThing${step}Happened`] = {
        fields: {
          amount: "number",
          theIdentifierOfTheCustomerConcerned: "uuid",
        },
        pivotal: step === 15,
      };
      events[`OtherThing${step}Failed`] = {};
      commands[`doVeryImportantThing${step}`] = {
        fields: { amount: "number" },
        emits: [`VeryImportantThing${step}Happened`, `OtherThing${step}Failed`],
        by: step % 3 === 0 ? ["clerk"] : [],
      };
    }
    aggregates[name(index)] = { events, commands };
    for (let policy = 0; policy < 2; policy++) {
      policies[`Policy${index}x${policy}`] = {
        on: [`${name(index)}.VeryImportantThing${policy}Happened`],
        sends: [`${name((index + 1) % count)}.doVeryImportantThing5`],
      };
    }
    readModels[`View${index}`] = {
      from: [`${name(index)}.VeryImportantThing3Happened`],
      fields: { amount: "number" },
      shownTo: ["clerk"],
    };
  }
  const people = { clerk: {} };
  return checkModel(
    { name: "big", people, aggregates, policies, readModels } as Model,
  );
}
