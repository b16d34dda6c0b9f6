/** Header values travel as bytes, but not every tool reads them as UTF-8: JSON as ASCII. */
export function toAscii(json: string): string {
  return json.replace(
    /[\u007f-\uffff]/g,
    (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}
