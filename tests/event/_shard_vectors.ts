/**
 * Ids and their shards, part of the stored format: nats-server's partition()
 * gave the same (`shard_server_test.ts`), and they never change.
 */
export const SHARD_VECTORS: ReadonlyArray<readonly [string, number]> = [
  ["order-1", 82],
  ["order-2", 191],
  ["order-123", 233],
  ["cart-42", 169],
  ["account-ada", 168],
  ["a-0", 20],
  ["Line_Item-7", 32],
  ["order", 102],
  ["2024-report", 203],
  ["_-1", 225],
  ["-", 121],
  ["order--", 206],
  ["order-a.b", 78],
  ["order-*", 95],
  [">", 177],
  ["order-é", 253],
  ["customer-jürgen@example.org", 85],
  ["é-1", 22],
  ["客-1", 246],
  ["room-😀", 92],
  ["x-" + "k".repeat(128), 7],
];
