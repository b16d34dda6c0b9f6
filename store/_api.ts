/** The JetStream API lives in the room of the NATS client: the bus uses it too. */
export {
  type Ack,
  ApiRefusal,
  type BatchEnd,
  JetStreamApi,
  refusalToError,
  type StoredMessage,
} from "../nats/mod.ts";
