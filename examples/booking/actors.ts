/** The actors of booking; what they carry is typed by the model. */
import { defineActor, Rejected } from "@flowmade/aether";
import type { CommandData, EventData } from "@flowmade/aether/model";
import type { booking as model } from "./model.ts";

type Model = typeof model;
type Status =
  | "none"
  | "requested"
  | "confirmed"
  | "declined"
  | "cancelled"
  | "here"
  | "gone";

/** One guest's wish for a room, from asking to leaving. */
export const Booking = defineActor("booking", {
  state: (): { status: Status } => ({ status: "none" }),
  events: {
    Requested: (_s, _e: EventData<Model, "booking", "Requested">) =>
      status("requested"),
    Confirmed: () => status("confirmed"),
    Declined: (_s, _e: EventData<Model, "booking", "Declined">) =>
      status("declined"),
    Cancelled: () => status("cancelled"),
    CheckedIn: () => status("here"),
    CheckedOut: () => status("gone"),
  },
}).commands({
  request(s, c: CommandData<Model, "booking", "request">) {
    if (s.status !== "none") throw new Rejected("already_requested");
    return { type: "Requested", data: c };
  },
  confirm(s) {
    if (s.status !== "requested") throw new Rejected("not_open");
    return { type: "Confirmed" };
  },
  decline(s, c: CommandData<Model, "booking", "decline">) {
    if (s.status !== "requested") throw new Rejected("not_open");
    return { type: "Declined", data: c };
  },
  cancel(s) {
    if (s.status !== "requested" && s.status !== "confirmed") {
      throw new Rejected("not_open");
    }
    return { type: "Cancelled" };
  },
  checkIn(s) {
    if (s.status !== "confirmed") throw new Rejected("not_confirmed");
    return { type: "CheckedIn" };
  },
  checkOut(s) {
    if (s.status !== "here") throw new Rejected("not_here");
    return { type: "CheckedOut" };
  },
}).queries({ status: (s) => s.status });

/** One room, and who has which night. */
export const Room = defineActor("room", {
  state: (): { nights: Readonly<Record<string, string>> } => ({ nights: {} }),
  events: {
    Held: (s, e: EventData<Model, "room", "Held">) => ({
      nights: {
        ...s.nights,
        ...Object.fromEntries(e.nights.map((night) => [night, e.booking])),
      },
    }),
    Refused: (s, _e: EventData<Model, "room", "Refused">) => s,
    Released: (s, e: EventData<Model, "room", "Released">) => ({
      nights: Object.fromEntries(
        Object.entries(s.nights).filter(([, booking]) => booking !== e.booking),
      ),
    }),
  },
}).commands({
  hold(s, c: CommandData<Model, "room", "hold">) {
    const taken = c.nights.filter((night) =>
      s.nights[night] !== undefined && s.nights[night] !== c.booking
    );
    return taken.length === 0
      ? { type: "Held", data: c }
      : { type: "Refused", data: { booking: c.booking, taken } };
  },
  release: (s, c: CommandData<Model, "room", "release">) =>
    Object.values(s.nights).includes(c.booking)
      ? { type: "Released", data: c }
      : [],
}).queries({ nights: (s) => s.nights });

function status(status: Status): { status: Status } {
  return { status };
}
