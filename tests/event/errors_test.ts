import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import * as event from "../../event/mod.ts";
import {
  AetherError,
  type AetherErrorOptions,
  CommandFailedError,
  type ErrorCode,
  errorFromWire,
  errorToWire,
  Rejected,
  VersionConflictError,
  type WireError,
} from "../../event/mod.ts";
import { json, text } from "./_arbitraries.ts";
import { holds, LONG } from "./_property.ts";

interface Row {
  readonly name: string;
  readonly retryable: boolean;
  readonly ambiguous: boolean;
}

const fatal = { retryable: false, ambiguous: false };
const retryable = { retryable: true, ambiguous: false };

// Record<ErrorCode, …>: a new code does not compile until it has its row.
const ROWS: Record<ErrorCode, Row> = {
  invalid_argument: { name: "InvalidArgumentError", ...fatal },
  rejected: { name: "Rejected", ...fatal },
  command_failed: { name: "CommandFailedError", ...fatal },
  version_conflict: { name: "VersionConflictError", ...retryable },
  overloaded: { name: "OverloadedError", ...retryable },
  moved: { name: "MovedError", ...retryable },
  deadline_exceeded: { name: "DeadlineExceededError", ...retryable },
  outcome_unknown: {
    name: "OutcomeUnknownError",
    retryable: false,
    ambiguous: true,
  },
  cycle: { name: "CycleError", ...fatal },
  quarantined: { name: "QuarantinedError", ...fatal },
  payload_too_large: { name: "PayloadTooLargeError", ...fatal },
  reply_too_large: { name: "ReplyTooLargeError", ...fatal },
  store_unavailable: { name: "StoreUnavailableError", ...retryable },
  unsupported_server: { name: "UnsupportedServerError", ...fatal },
  permission_denied: { name: "PermissionDeniedError", ...fatal },
  misconfigured: { name: "MisconfiguredError", ...fatal },
  corrupt_log: { name: "CorruptLogError", ...fatal },
  closed: { name: "ClosedError", ...fatal },
};

const classes = event as unknown as Record<
  string,
  new (message: string, options: AetherErrorOptions) => AetherError
>;

/** One error of a code's class, with details. */
function make(code: ErrorCode, options: AetherErrorOptions = {}): AetherError {
  if (code === "rejected") {
    return new Rejected("no_funds", "the message", { balance: 3 });
  }
  const conflict = {
    actorId: "order-1",
    expectedVersion: 3,
    actualVersion: 5,
  };
  return new classes[ROWS[code].name]!("the message", {
    ...(code === "version_conflict" ? conflict : {}),
    details: { balance: 3 },
    ...options,
  });
}

describe("errors", () => {
  for (const [key, row] of Object.entries(ROWS)) {
    const code = key as ErrorCode;

    it(`${row.name} says what a caller may do`, () => {
      const error = make(code);
      assert.ok(error instanceof AetherError && error instanceof Error);
      assert.equal(error.code, code);
      assert.equal(error.name, row.name);
      assert.equal(error.message, "the message");
      assert.equal(error.retryable, row.retryable);
      assert.equal(error.ambiguous, row.ambiguous);
      assert.equal(error.details["balance"], 3);
      assert.equal(String(error), `${row.name}: the message`);
      assert.match(error.stack ?? "", /the message/);
    });

    it(`${row.name} survives the wire`, () => {
      const error = make(code);
      const wire: WireError = JSON.parse(JSON.stringify(errorToWire(error)));
      assert.deepEqual(wire, {
        code,
        message: "the message",
        retryable: row.retryable,
        details: error.details,
      });
      const again = errorFromWire(wire);
      assert.equal(again.constructor, error.constructor);
      assert.ok(again instanceof AetherError);
      const { stack: _1, cause: _2, ...fields } = again;
      const { stack: _3, cause: _4, ...wanted } = error;
      assert.deepEqual(fields, wanted);
      assert.equal(again.message, error.message);
      assert.equal(again.name, row.name);
    });
  }

  it("are all in the table, and none twice", () => {
    const exported = Object.values(event as Record<string, unknown>)
      .filter((value): value is { name: string; prototype: unknown } =>
        typeof value === "function" &&
        value.prototype instanceof AetherError
      ).map((value) => value.name);
    assert.deepEqual(
      exported.sort(),
      Object.values(ROWS).map((row) => row.name).sort(),
    );
  });

  it("keep the cause at home", () => {
    const cause = new Error("secret of the network");
    const error = make("store_unavailable", { cause });
    assert.equal(error.cause, cause);
    assert.ok(!JSON.stringify(errorToWire(error)).includes("secret"));
    assert.ok(!("cause" in make("store_unavailable")));
    assert.ok("cause" in make("closed", { cause: undefined }));
    assert.equal(make("version_conflict", { cause }).cause, cause);
    assert.ok(!("cause" in make("version_conflict")));
  });
});

describe("VersionConflictError", () => {
  it("carries what is needed to decide again", () => {
    const newer = [{ version: 4 }, { version: 5 }];
    const error = new VersionConflictError("conflict", {
      actorId: "order-1",
      expectedVersion: "no_stream",
      actualVersion: 5,
      newerEvents: newer,
      details: { attempt: 8, actualVersion: 99 },
    });
    assert.deepEqual(error.newerEvents, newer);
    assert.equal(error.actualVersion, 5);
    // Its own facts win over the same names among the details.
    assert.deepEqual(error.details, {
      attempt: 8,
      actorId: "order-1",
      expectedVersion: "no_stream",
      actualVersion: 5,
    });
  });

  it("leaves the newer events at home", () => {
    const error = new VersionConflictError("conflict", {
      actorId: "order-1",
      expectedVersion: 3,
      actualVersion: 5,
      newerEvents: [{ version: 4 }],
    });
    const again = errorFromWire(errorToWire(error)) as VersionConflictError;
    assert.deepEqual(again.newerEvents, []);
    assert.deepEqual(
      [again.actorId, again.expectedVersion, again.actualVersion],
      ["order-1", 3, 5],
    );
  });
});

describe("Rejected", () => {
  it("takes the reason for a message where there is none", () => {
    const no = new Rejected("closed_account");
    assert.equal(no.message, "closed_account");
    assert.deepEqual(no.details, { reason: "closed_account" });
  });

  it("keeps its reason from the details", () => {
    const no = new Rejected("a", "b", { reason: "c" });
    assert.equal(no.reason, "a");
    assert.equal(no.details["reason"], "a");
  });
});

describe("errorFromWire()", () => {
  it("keeps the code of a newer release", () => {
    const error = errorFromWire({
      code: "quota_exceeded" as ErrorCode,
      message: "no more today",
      retryable: true,
      details: { limit: 5 },
    });
    assert.ok(error instanceof CommandFailedError);
    assert.equal(error.code, "command_failed");
    assert.equal(error.message, "no more today");
    assert.deepEqual(error.details, { limit: 5, code: "quota_exceeded" });
    // Careful: what is not known is not repeated.
    assert.equal(error.retryable, false);
  });

  it("knows no code from an object's prototype", () => {
    for (const code of ["constructor", "__proto__", "toString"]) {
      const error = errorFromWire(
        { code, message: "m" } as unknown as WireError,
      );
      assert.ok(error instanceof CommandFailedError);
      assert.equal(error.details["code"], code);
    }
  });

  it("makes an error of whatever came", LONG, () => {
    const odd = fc.oneof(json, fc.constant(undefined));
    const wire = fc.oneof(
      odd,
      fc.record({
        code: fc.oneof(fc.constantFrom(...Object.keys(ROWS)), odd),
        message: fc.oneof(text, odd, fc.constant({ toString: 1, valueOf: 1 })),
        details: fc.oneof(
          odd,
          fc.record({
            actorId: odd,
            expectedVersion: odd,
            actualVersion: odd,
            reason: odd,
          }, { requiredKeys: [] }),
        ),
      }, { requiredKeys: [] }),
    );
    holds(wire, (given) => {
      const error = errorFromWire(given as WireError);
      assert.ok(error instanceof AetherError);
      assert.ok(error.code in ROWS);
      assert.equal(typeof error.message, "string");
      assert.equal(typeof error.details, "object");
      if (error instanceof VersionConflictError) {
        assert.equal(typeof error.actorId, "string");
        assert.equal(typeof error.actualVersion, "number");
        assert.match(typeof error.expectedVersion, /^(string|number)$/);
      }
      if (error instanceof Rejected) {
        assert.equal(typeof error.reason, "string");
      }
    });
  });
});
