/** What the NATS client takes is passed through, from the front door down to the socket. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { nkeyAuthenticator, nkeys } from "@nats-io/nats-core";
import { Aether, defineActor } from "../../mod.ts";
import {
  PermissionDeniedError,
  StoreUnavailableError,
} from "../../event/mod.ts";
import { connect } from "../../nats/mod.ts";
import { startNatsServer, uniqueNamespace } from "../support/mod.ts";

const certFile = fixture("cert.pem");
const keyFile = fixture("key.pem");

const Counter = defineActor("counter", {
  state: () => ({ count: 0 }),
  events: { Counted: (s) => ({ count: s.count + 1 }) },
}).commands({ count: () => ({ type: "Counted" }) })
  .queries({ value: (s) => s.count });

describe("credentials", () => {
  it("reach a server that wants TLS, whose certificate is checked", async () => {
    await using server = await startNatsServer({
      config: `tls { cert_file: "${certFile}", key_file: "${keyFile}" }`,
    });
    const ca = await readFile(certFile, "utf8");
    await using aether = await Aether.start({
      servers: server.url,
      namespace: uniqueNamespace("tls"),
      actors: [Counter],
      tls: { ca },
    });
    await aether.actor(Counter, "one").count();
    assert.equal(await aether.actor(Counter, "one").value(), 1);
    // Nobody vouches for that certificate here:
    await assert.rejects(
      connect({ servers: server.url, tls: {}, timeout: 3_000 }),
      StoreUnavailableError,
    );
  });

  it("prove an nkey", async () => {
    const user = nkeys.createUser();
    await using server = await startNatsServer({
      config: `authorization { users = [ { nkey: ${user.getPublicKey()} } ] }`,
    });
    await using aether = await Aether.start({
      servers: server.url,
      namespace: uniqueNamespace("nkey"),
      actors: [Counter],
      authenticator: nkeyAuthenticator(user.getSeed()),
    });
    await aether.actor(Counter, "one").count();
    assert.equal(await aether.actor(Counter, "one").value(), 1);
    await assert.rejects(
      connect({
        servers: server.url,
        authenticator: nkeyAuthenticator(nkeys.createUser().getSeed()),
      }),
      PermissionDeniedError,
    );
  });
});

function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
}
