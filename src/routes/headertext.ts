/** Text of a header as it goes on the wire: characters beyond latin1 travel as the bytes of their UTF-8 form. */
export function headerText(text: string): string {
  for (let at = 0; at < text.length; at += 1) {
    if (text.charCodeAt(at) > 0x7e) return Buffer.from(text).toString('latin1');
  }
  return text;
}

/** False for text that would end a header: the schemas of filters allow any characters. */
export function fitsHeader(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  return !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text);
}
