/**
 * JSON as Go's `encoding/json` writes it, for hashes that must equal those of programs in Go: `<`, `>`, `&` and the line
 * separators are escaped, and undefined stands for a nil slice or pointer (aim.md 2.3). The order of fields is the caller's.
 */
export function goJson(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`;
  if (typeof value === 'object') {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return `{${fields.map(([name, field]) => `${goJson(name)}:${goJson(field)}`).join(',')}}`;
  }
  return JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
