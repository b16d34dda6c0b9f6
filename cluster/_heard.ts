/**
 * What comes from other nodes and out of the control log, looked at before it is
 * believed. Whoever may publish there can say anything; what is of no form that a
 * node writes counts as not said.
 */
import { SHARDS } from "../event/mod.ts";
import type { ShardList } from "./_allocator.ts";
import type { NodeInfo } from "./types.ts";

/** Shards with their generations; none where it is no such list. */
export function shardListOf(value: unknown): ShardList {
  if (!isRecord(value)) return {};
  const isList = Object.values(value).every((shards) =>
    Array.isArray(shards) && shards.every(isPair)
  );
  return isList ? value as ShardList : {};
}

/** A node as it is known to others; undefined where it is nothing of that kind. */
export function nodeInfoOf(value: unknown): NodeInfo | undefined {
  if (!isRecord(value)) return undefined;
  const { hosts = [], node, run, servers = [], state = "up", weight = 1 } =
    value;
  if (
    !isToken(node) || !isToken(run) || !areTexts(hosts) ||
    !areTexts(servers) || !isState(state) ||
    !(typeof weight === "number" && weight > 0 && Number.isFinite(weight))
  ) return undefined;
  return { node, run, hosts, weight, state, servers };
}

/** Whether it is one token of a subject, as the names of nodes and their lives are. */
export function isToken(value: unknown): value is string {
  return typeof value === "string" && /^[^\s.*>\p{Cc}]{1,128}$/u.test(value);
}

/** Whether it is a place in a log, or the number of a generation. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether it is an object, and no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPair(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [shard, generation] = value;
  return isCount(shard) && shard < SHARDS && isCount(generation);
}

function isState(value: unknown): value is NodeInfo["state"] {
  return value === "up" || value === "draining" || value === "leaving";
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) &&
    value.every((item) => typeof item === "string");
}
