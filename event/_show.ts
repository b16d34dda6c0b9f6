/**
 * Shows a value in an error message: short, in one line, and whatever it is.
 * An argument that breaks a rule may well be one that JSON cannot write either.
 */
export function show(value: unknown): string {
  if (typeof value === "string") {
    return value.length > 200
      ? `${JSON.stringify(value.slice(0, 200))}… (${value.length} characters)`
      : JSON.stringify(value);
  }
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? "an array" : "an object";
  }
  return typeof value === "function" ? "a function" : String(value);
}
