/**
 * The words that travel in headers and subjects have one spelling each: what is
 * read is either refused with an error of Aether's own, or written again it is the
 * very same text.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import {
  addressOfTokens,
  arrivalNamespace,
  arrivalSubjects,
  checkActorType,
  checkDurable,
  checkId,
  checkNamespace,
  checkPattern,
  checkTimerName,
  closedPatterns,
  decodeToken,
  deriveDurable,
  encodeToken,
  formatActorId,
  formatCommands,
  formatEffects,
  formatTrail,
  isUlid,
  matchesPattern,
  parseActorId,
  parseCommands,
  parseCommandSubject,
  parseEffects,
  parseEventSubject,
  parseTrail,
  subjectsOf,
  ulid,
  ulidTime,
} from "../../event/mod.ts";
import { RawHeaders } from "../../nats/mod.ts";
import type { Random } from "../support/mod.ts";
import { changeBytes, changeText } from "./_bytes.ts";
import { received } from "./_delivery.ts";
import {
  assertSeen,
  cases,
  fuzz,
  LONG,
  outcomeOf,
  showBytes,
} from "./_fuzz.ts";
import { changeHeaders } from "./_headers.ts";
import { changeJson } from "./_json.ts";
import { COMMITS, DURABLES, IDS, PARKED } from "./_specimens.ts";

/** Something that reads a text, and writes it again. */
interface Word {
  readonly name: string;
  readonly texts: readonly string[];
  /** Reads it, and gives back what it is written as; throws where it is none. */
  readonly again: (text: string) => string;
}

const subjects = subjectsOf("shop");
const prod = subjectsOf("prod.eu");
const ADDRESSES = IDS.map(parseActorId);
const TOKENS = ADDRESSES.map(({ keyToken }) => keyToken);

const WORDS: readonly Word[] = [
  {
    name: "token",
    texts: TOKENS,
    again: (text) => encodeToken(decodeToken(text)),
  },
  {
    name: "text",
    texts: ["ada", "a.b *>", "j\u00fcrgen", "\u{1f600}", ""],
    again: (text) => decodeToken(encodeToken(text)),
  },
  {
    name: "actor id",
    texts: IDS,
    again(text) {
      const { id, key, keyToken, type } = parseActorId(text);
      assert.equal(formatActorId(type, key), id);
      assert.deepEqual(addressOfTokens(type, keyToken), parseActorId(id));
      // Brought to one normal form first; that is the one spelling.
      return id === text.normalize("NFC") ? text : id;
    },
  },
  {
    name: "event subject",
    texts: ADDRESSES.flatMap((address) => [
      subjects.event(address),
      prod.event(address),
    ]),
    again(text) {
      const { address, namespace } = parseEventSubject(text);
      return subjectsOf(namespace).event(address);
    },
  },
  {
    name: "command subject",
    texts: ADDRESSES.map(subjects.command),
    again(text) {
      const address = parseCommandSubject(text);
      const namespace = text.split(".").slice(2, -3).join(".");
      return subjectsOf(namespace).command(address);
    },
  },
  {
    name: "subject of an arrival",
    texts: ADDRESSES.flatMap((address) => [
      subjects.bus(address),
      prod.note(address),
    ]),
    again(text) {
      const [, kind, ...rest] = text.split(".");
      const namespace = arrivalNamespace(text);
      return ["aether", kind, namespace, ...rest.slice(-2)].join(".");
    },
  },
  {
    name: "subject of a request",
    texts: ADDRESSES.map((address) => subjects.ask(address, "deposit")),
    again(text) {
      // What stands before is the subscription's.
      const [command = "", key = "", type = "", ...before] = text.split(".")
        .reverse();
      const again = subjects.ask(addressOfTokens(type, key), command);
      return [...before.reverse(), ...again.split(".").slice(-3)].join(".");
    },
  },
  {
    name: "pattern",
    texts: ["shop", "prod.*", "prod.>", ">", "*.eu", "a.b.c.d"],
    again(text) {
      for (const closed of closedPatterns(text)) {
        const name = closed.replaceAll("*", "x");
        assert.ok(matchesPattern(text, name), `${text} is not ${name}`);
        assert.deepEqual(arrivalSubjects("bus", closed), [
          `aether.bus.${closed}.*.*`,
        ]);
      }
      return checkPattern(text);
    },
  },
  {
    name: "namespace",
    texts: ["shop", "prod.eu", "a.b.c.d", "-_.9"],
    again: (text) => subjectsOf(checkNamespace(text)).namespace,
  },
  {
    name: "durable",
    texts: ["mailer", "view-1", "x".repeat(32)],
    again: checkDurable,
  },
  {
    name: "type",
    texts: ["account", "a", "A_9", "x".repeat(128)],
    again: checkActorType,
  },
  {
    name: "id",
    texts: ["invoice-7", ulid(), "~!"],
    again(text) {
      if (isUlid(text)) assert.ok(ulidTime(text) >= 0);
      return checkId(text, "command id");
    },
  },
  {
    name: "timer",
    texts: ["time out", "\u00e9", "x".repeat(64)],
    again: (text) => checkTimerName(decodeToken(encodeToken(text))),
  },
  {
    name: "derived durable",
    texts: ["pay out", "when money was withdrawn", "\u00e9_=", "_5F"],
    again(text) {
      const name = checkDurable(deriveDurable("policy", text));
      // Another text is another name.
      assert.notEqual(name, deriveDurable("policy", `${text}_`));
      return text;
    },
  },
];

describe("a word that was changed", () => {
  it("is refused, or comes back as it is", LONG, async () => {
    const seen = new Map<string, Set<string>>();
    const tally = await fuzz<{ word: Word; text: string }>({
      name: "words",
      count: cases(5_000, 250_000),
      make(random) {
        const word = random.pick(WORDS);
        const text = random.pick(word.texts);
        return { word, text: changeText(random, text, word.texts) };
      },
      feed({ text, word }) {
        const outcome = outcomeOf(
          () => word.again(text),
          (again) => assert.equal(again, text),
        );
        const outcomes = seen.get(word.name) ?? new Set();
        seen.set(word.name, outcomes.add(outcome));
        return outcome;
      },
      show: ({ text, word }) => `${word.name} ${JSON.stringify(text)}`,
    });
    assertSeen(tally, { taken: 0.1, invalid_argument: 0.2 });
    for (const { name } of WORDS) {
      assert.equal(seen.get(name)?.size, 2, `a changed ${name} was not both`);
    }
  });
});

describe("the value of a header that was changed", () => {
  const values = (name: string) =>
    COMMITS.map(({ body, headers, subject }) =>
      RawHeaders.of(received(subject, headers, body)).get(name)
    ).filter((value) => value !== "");
  const changed = (random: Random, texts: readonly string[]) => {
    const text = random.pick(texts);
    return random.int(2) === 0
      ? changeText(random, text, texts)
      : changeJson(random, text, texts);
  };

  it("is a list of commands, or corrupt", LONG, async () => {
    const texts = values("Aether-Commands");
    const tally = await fuzz<string>({
      name: "commands of a commit",
      count: cases(1_000, 60_000),
      make: (random) => changed(random, texts),
      feed: (text) =>
        outcomeOf(() => parseCommands(text, 3), (commands) => {
          const again = formatCommands(commands, 3);
          assert.deepEqual(parseCommands(again, 3), commands);
        }),
      show: JSON.stringify,
    });
    assertSeen(tally, { taken: 0.03, corrupt_log: 0.3 });
  });

  it("is a list of effects, or corrupt", LONG, async () => {
    const texts = values("Aether-Effects");
    const tally = await fuzz<string>({
      name: "effects of a commit",
      count: cases(1_000, 60_000),
      make: (random) => changed(random, texts),
      feed: (text) =>
        outcomeOf(() => parseEffects(text), (effects) => {
          const again = formatEffects(effects);
          assert.deepEqual(parseEffects(again), effects);
          for (const effect of effects) {
            if (effect.kind === "schedule") new Date(effect.at).toISOString();
          }
        }),
      show: JSON.stringify,
    });
    assertSeen(tally, { taken: 0.03, corrupt_log: 0.3 });
  });

  it("is a trail, as far as it can be read", LONG, async () => {
    const texts = values("Aether-Trail");
    const tally = await fuzz<string>({
      name: "trails",
      count: cases(800, 40_000),
      make: (random) => changeText(random, random.pick(texts), texts),
      feed(text) {
        const trail = parseTrail(text);
        assert.ok(trail.every((n) => Number.isSafeInteger(n) && n > 0));
        assert.ok(trail.every((n, i) => n < (trail[i - 1] ?? Infinity)));
        assert.deepEqual(parseTrail(formatTrail(trail)), trail);
        return trail.length === 0 ? "none" : "taken";
      },
      show: JSON.stringify,
    });
    assertSeen(tally, { taken: 0.2, none: 0.05 });
  });
});

describe("a header block that was changed", () => {
  it("says what its lines say, and nothing throws", LONG, async () => {
    const blocks = [...COMMITS, ...DURABLES, ...PARKED]
      .map(({ headers }) => headers);
    const tally = await fuzz<{ block: Uint8Array; body: Uint8Array }>({
      name: "header blocks",
      count: cases(1_000, 60_000),
      make(random) {
        const block = changeHeaders(random, random.pick(blocks), blocks);
        return { block, body: changeBytes(random, Buffer.from("{}"), []) };
      },
      feed({ block, body }) {
        const headers = RawHeaders.of(received("a.b", block, body));
        const lines = Buffer.from(block).toString().split("\r\n").slice(1);
        let outcome = "none";
        for (const name of NAMES) {
          const line = lines.find((line) => line.startsWith(`${name}:`));
          const value = line?.slice(name.length + 1).trim() ?? "";
          assert.equal(headers.get(name), value, name);
          if (value !== "") outcome = "taken";
        }
        assert.ok(Number.isInteger(headers.status));
        assert.equal(headers.added("Nats-Nothing"), "");
        return outcome;
      },
      show: ({ block, body }) => `${showBytes(block)} ${showBytes(body)}`,
    });
    assertSeen(tally, { taken: 0.5, none: 0 });
  });
});

const NAMES = [
  "Aether-Commit",
  "Aether-Commands",
  "Aether-Trail",
  "Aether-Gen",
  "Aether-Command-Id",
  "Aether-Timer",
  "content-type",
];
