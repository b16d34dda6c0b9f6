export * from "./types.ts";
export * from "./memory.ts";
export * from "./jetstream.ts";
export { destroyNamespace, type ProvisionOptions } from "./provision.ts";
export type { StoreStats } from "./_context.ts";
