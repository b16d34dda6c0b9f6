/** A strict reader of the XML that boards are written in. */

/** An element. */
export interface Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly Element[];
  /** Its own text, without that of its children. */
  readonly text: string;
}

/**
 * Reads a document, and throws where it is not well-formed: tags that do not
 * close, attributes without quotes or twice, characters XML has no place for.
 */
export function parseXml(source: string): Element {
  const reader = new Reader(source);
  const root = reader.element();
  reader.end();
  return root;
}

/** An element and all below it, in the order of the document. */
export function flat(element: Element): Element[] {
  return [element, ...element.children.flatMap(flat)];
}

class Reader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
    const forbidden = /(?![\t\n\r])[\p{Control}]|[\p{Surrogate}\ufffe\uffff]/u;
    const found = forbidden.exec(source);
    if (found !== null) {
      throw this.#broken("a character XML has no place for", found.index);
    }
  }

  element(): Element {
    const [, name] = this.#take(/<([A-Za-z]+)/y, "an element");
    const attributes = new Map<string, string>();
    for (;;) {
      const attribute = this.#try(/\s+([A-Za-z-]+)="([^"<]*)"/y);
      if (attribute === undefined) break;
      if (attributes.has(attribute[1]!)) {
        throw this.#broken("an attribute twice");
      }
      attributes.set(attribute[1]!, this.#decoded(attribute[2]!));
    }
    const closed = this.#take(/\s*(\/?)>/y, "the end of a tag")[1] === "/";
    const children: Element[] = [];
    let text = "";
    while (!closed) {
      text += this.#decoded(this.#try(/[^<]+/y)?.[0] ?? "");
      if (this.#try(/<\/([A-Za-z]+)\s*>/y)?.[1] === name) break;
      children.push(this.element());
    }
    return { name: name!, attributes, children, text };
  }

  end(): void {
    this.#take(/\s*$/y, "the end of the document");
  }

  #decoded(text: string): string {
    return text.replaceAll(/&([^;]{0,8};)?/g, (_, name: string | undefined) => {
      const code = /^#(\d+);$/.exec(name ?? "")?.[1];
      if (code === undefined) throw this.#broken(`a bare "&${name ?? ""}"`);
      return String.fromCodePoint(Number(code));
    });
  }

  #try(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }

  #take(pattern: RegExp, what: string): RegExpExecArray {
    const match = this.#try(pattern);
    if (match === undefined) throw this.#broken(`not ${what}`);
    return match;
  }

  #broken(what: string, at = this.#at): Error {
    return new Error(`${what} at ${at}: ${this.#source.slice(at, at + 60)}`);
  }
}
