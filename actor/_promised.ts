/** What a commit's effects become in the inbox: the same whoever puts it there. */
import {
  deriveId,
  type ScheduleEffect,
  type SendEffect,
} from "../event/mod.ts";
import type { DurableCommand } from "../store/mod.ts";

/** A command that was sent to another actor, under its own id. */
export function sentCommand(
  source: string,
  commandId: string,
  { kind: _kind, to: actorId, ...command }: SendEffect,
): DurableCommand {
  return { ...command, commandId, actorId, source };
}

/** The command that a timer fires; its id is that of the setting. */
export function firedCommand(
  actorId: string,
  id: string,
  { at: _at, kind: _kind, replaces: _replaces, timer, ...command }:
    ScheduleEffect,
): DurableCommand {
  return {
    ...command,
    commandId: id,
    actorId,
    source: `${actorId}#${timer}`,
    timer: { name: timer, id },
  };
}

/** The id of what a sender is told of a rejection. */
export function toldId(commandId: string): string {
  return deriveId(commandId, "rejected");
}
