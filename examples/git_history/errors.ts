/** Something people can mend; the message says what, and needs no stack. */
export class DemoError extends Error {
  override readonly name: string = "DemoError";
}
