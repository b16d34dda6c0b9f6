/**
 * Tells whether text may be an id, a name or any other CloudEvents attribute:
 * their String type knows no lone surrogates, control characters or noncharacters.
 * Source: {@link https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system | CloudEvents}.
 */
export function isAttributeText(text: string): boolean {
  return PRINTABLE.test(text) || (text.isWellFormed() && !FORBIDDEN.test(text));
}

const PRINTABLE = /^[ -~]*$/;
const FORBIDDEN = /[\p{Cc}\p{Noncharacter_Code_Point}]/u;
