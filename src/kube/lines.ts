/** Longest line accepted, in characters: an object is at most 3 MiB on the wire, with room for escapes. */
const maxLineLength = 16 * 1024 * 1024;

/** The non-empty lines of a UTF-8 byte stream, as they complete. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
      if (end > start) yield rest.slice(start, end);
      start = end + 1;
    }
    rest = rest.slice(start);
    if (rest.length > maxLineLength) throw new Error(`a line is longer than ${maxLineLength} characters`);
  }
  if (rest !== '') yield rest;
}
