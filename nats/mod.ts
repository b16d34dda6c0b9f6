/**
 * Everything that touches the NATS client: opening connections, requests that
 * never hang, and its errors told apart. The rooms below build on it.
 *
 * @module
 */
export * from "./answer.ts";
export * from "./connect.ts";
export * from "./connection.ts";
export * from "./deadline.ts";
export * from "./fault.ts";
export * from "./headers.ts";
export * from "./jetstream_api.ts";
export * from "./link.ts";
export * from "./message.ts";
export * from "./replace.ts";
