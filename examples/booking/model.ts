/**
 * Booking a room, as it stands on the board: written before the code, which
 * takes its types from here.
 */
import { defineModel } from "@flowmade/aether/model";

/** The model of booking. */
export const booking = defineModel({
  name: "booking",
  version: "1.0.0",
  text: "Guests ask for a room; the room says whether it is free.",
  people: {
    guest: { text: "Wants to sleep well." },
    reception: { text: "Hands out keys." },
  },
  aggregates: {
    booking: {
      text: "One guest's wish for a room, from asking to leaving.",
      events: {
        Requested: {
          first: true,
          fields: {
            room: "string",
            nights: "date[]",
            guest: { type: "string", subject: true },
            email: { type: "string", personal: true },
          },
        },
        Confirmed: { after: ["Requested"], notAfter: ["Declined"] },
        Declined: {
          after: ["Requested"],
          notAfter: ["Confirmed"],
          last: true,
          fields: { reason: "string" },
        },
        Cancelled: {
          after: ["Requested"],
          notAfter: ["CheckedIn"],
          last: true,
        },
        CheckedIn: { after: ["Confirmed"], pivotal: true },
        CheckedOut: { after: ["CheckedIn"], last: true },
      },
      commands: {
        request: {
          fields: {
            room: "string",
            nights: "date[]",
            guest: "string",
            email: { type: "string", personal: true },
          },
          emits: ["Requested"],
          rejects: ["already_requested"],
          by: ["guest"],
        },
        confirm: { emits: ["Confirmed"], rejects: ["not_open"] },
        decline: {
          fields: { reason: "string" },
          emits: ["Declined"],
          rejects: ["not_open"],
        },
        cancel: {
          emits: ["Cancelled"],
          rejects: ["not_open"],
          by: ["guest", "reception"],
        },
        checkIn: {
          emits: ["CheckedIn"],
          rejects: ["not_confirmed"],
          by: ["reception"],
        },
        checkOut: {
          emits: ["CheckedOut"],
          rejects: ["not_here"],
          by: ["reception"],
        },
      },
      queries: { status: { text: "Where the booking stands.", by: ["guest"] } },
    },
    room: {
      text: "One room, and who has which night.",
      events: {
        Held: { fields: { booking: "string", nights: "date[]" } },
        Refused: {
          text: "Somebody else has one of the nights.",
          fields: { booking: "string", taken: "date[]" },
        },
        Released: { fields: { booking: "string" } },
      },
      commands: {
        hold: {
          fields: { booking: "string", nights: "date[]" },
          emits: ["Held", "Refused"],
        },
        release: { fields: { booking: "string" }, emits: ["Released"] },
      },
      queries: { nights: { text: "Who has which night.", by: ["reception"] } },
    },
  },
  policies: {
    HoldRoom: { on: ["booking.Requested"], sends: ["room.hold"] },
    ConfirmBooking: { on: ["room.Held"], sends: ["booking.confirm"] },
    DeclineBooking: { on: ["room.Refused"], sends: ["booking.decline"] },
    ReleaseRoom: { on: ["booking.Cancelled"], sends: ["room.release"] },
    WriteToGuest: {
      text: "Tells the guest how it went.",
      on: ["booking.Confirmed", "booking.Declined"],
      calls: ["mail"],
    },
  },
  readModels: {
    Arrivals: {
      text: "Who comes when.",
      from: ["booking.Requested", "booking.Confirmed", "booking.Cancelled"],
      fields: {
        guest: "string",
        room: "string",
        firstNight: { type: "date", from: ["booking.Requested.nights"] },
      },
      shownTo: ["reception"],
    },
  },
  systems: {
    mail: { text: "Sends letters." },
    channel: { text: "Sells rooms elsewhere.", sends: ["booking.request"] },
  },
  contexts: {
    reservation: {
      aggregates: ["booking"],
      policies: ["ConfirmBooking", "DeclineBooking", "WriteToGuest"],
      readModels: ["Arrivals"],
    },
    inventory: {
      aggregates: ["room"],
      policies: ["HoldRoom", "ReleaseRoom"],
    },
  },
  relations: [{
    from: "reservation",
    to: "inventory",
    kind: "customer_supplier",
  }],
  hotspots: [
    {
      on: "room.Refused",
      text: "Do we offer another room?",
      settled: "Not in the first year.",
    },
    { on: "booking.Cancelled", text: "Until when is it free of charge?" },
  ],
  opportunities: [{
    on: "readModel:Arrivals",
    text: "Let guests check in from their phone.",
  }],
  glossary: {
    night: {
      text: "The date of the evening a guest arrives for it.",
      avoid: ["day"],
    },
    booking: { text: "A wish, confirmed or not.", context: "reservation" },
  },
  specifications: [
    {
      of: "booking",
      name: "a guest asks",
      when: {
        type: "request",
        data: {
          room: "7",
          nights: ["2026-05-01"],
          guest: "ada",
          email: "ada@example.org",
        },
      },
      then: [{
        type: "Requested",
        data: {
          room: "7",
          nights: ["2026-05-01"],
          guest: "ada",
          email: "ada@example.org",
        },
      }],
    },
    {
      of: "booking",
      name: "nobody checks in without a confirmation",
      given: [{
        type: "Requested",
        data: {
          room: "7",
          nights: ["2026-05-01"],
          guest: "ada",
          email: "ada@example.org",
        },
      }],
      when: { type: "checkIn" },
      then: { rejected: "not_confirmed" },
    },
    {
      of: "room",
      name: "a night is held once",
      given: [{
        type: "Held",
        data: { booking: "b1", nights: ["2026-05-01", "2026-05-02"] },
      }],
      when: {
        type: "hold",
        data: { booking: "b2", nights: ["2026-05-02", "2026-05-03"] },
      },
      then: [{
        type: "Refused",
        data: { booking: "b2", taken: ["2026-05-02"] },
      }],
    },
  ],
});
