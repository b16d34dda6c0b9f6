/** Mermaid's own parser, without a browser. */
import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";

interface Mermaid {
  parse(text: string): Promise<{ readonly diagramType: string }>;
}

/**
 * Mermaid leaves it to the browser to clean what it shows. Nothing is shown
 * here, so text is parsed as it is; in a world of its own, as functions in
 * general have no such methods.
 */
const UNCLEANED = `
  Function.prototype.addHook = () => {};
  Function.prototype.sanitize = (text) => text;
`;

let loaded: Mermaid | undefined;

function mermaid(): Mermaid {
  if (loaded !== undefined) return loaded;
  const script = new URL(
    "../../node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js",
    import.meta.url,
  );
  const world = createContext({
    TextEncoder,
    TextDecoder,
    console,
    setTimeout,
    clearTimeout,
    URL,
    structuredClone,
  });
  runInContext(readFileSync(script, "utf8") + UNCLEANED, world);
  loaded = runInContext("mermaid", world) as Mermaid;
  return loaded;
}

/** Parses a diagram; what kind it is. */
export async function parseMermaid(text: string): Promise<string> {
  return (await mermaid().parse(text)).diagramType;
}
