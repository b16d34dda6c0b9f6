/**
 * What a command's handler may promise beside its events: commands for other
 * actors, timers, notices. They are part of the decision: stored with its events
 * in one message, or not at all.
 */
import type { ActorDefinition, ActorShape, AnyActor } from "./definition.ts";

/** How a command is to be sent. */
export interface SendOptions {
  /**
   * The command of the sender that is told if this one is rejected; its input is
   * a {@link RejectedSend}. A rejection that nobody is told of is parked.
   */
  readonly onRejected?: string;
}

/** A method that sends a command; it takes an input only where its handler does. */
export type Send<Input> = 0 extends 1 & Input
  // deno-lint-ignore no-explicit-any
  ? (input?: any) => void
  : unknown extends Input ? (input?: undefined) => void
  : undefined extends Input ? (input?: Input) => void
  : (input: Input) => void;

/** The commands a shape can be sent. */
export type SendsOf<Shape extends ActorShape> = {
  readonly [Name in keyof Shape["commands"]]: Send<Shape["commands"][Name]>;
};

/** What {@link CommandContext.send} gives: a method for each of the actor's commands. */
export type SendRef<Definition extends AnyActor> = Definition extends
  ActorDefinition<infer Shape> ? SendsOf<Shape> : never;

/**
 * What the sender of a command is told when it was rejected: the input of the
 * command that `onRejected` names.
 */
export interface RejectedSend<Input = unknown> {
  /** The reason for programs, as of {@link Rejected}; `dropped` where an operator gave it up. */
  readonly reason: string;
  /** The reason for people. */
  readonly message: string;
  /** Further facts of the rejection. */
  readonly details: Readonly<Record<string, unknown>>;
  /** Who rejected it, such as `account-bob`. */
  readonly by: string;
  /** Which command. */
  readonly command: string;
  /** Its input, as it was sent; null where there was none. */
  readonly input: Input;
}

/** A notice: seen by whoever listens to the bus just then, and kept nowhere else. */
export interface Notice {
  /** What it is called, as an event's type. */
  readonly type: string;
  /** What it says: exactly what JSON can hold, or absent. */
  readonly data?: unknown;
}
