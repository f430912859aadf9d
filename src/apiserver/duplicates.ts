/**
 * The paths of fields that occur more than once in one object of a JSON text, as strict decoding reports them
 * (`spec.ports[0].name`). The text must be valid JSON; JSON.parse alone keeps the last of them and says nothing.
 */
export function duplicateFieldsOf(text: string): string[] {
  const found = new Set<string>();
  const frames: Frame[] = [];
  let path = '';
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const frame = frames.at(-1);
    switch (match[0]) {
      case '{':
      case '[':
        frames.push({ path, fields: match[0] === '{' ? new Set() : undefined, index: 0, expectsName: true });
        if (match[0] === '[') path += '[0]';
        break;
      case '}':
      case ']':
        path = frames.pop()?.path ?? '';
        break;
      case ',':
        if (frame === undefined) break;
        frame.expectsName = true;
        frame.index += 1;
        path = frame.fields === undefined ? `${frame.path}[${frame.index}]` : frame.path;
        break;
      case ':':
        break;
      default:
        if (frame?.fields === undefined || !frame.expectsName) break;
        frame.expectsName = false;
        path = fieldPath(frame.path, match[0]);
        if (frame.fields.has(path)) found.add(path);
        frame.fields.add(path);
    }
  }
  return [...found];
}

/** An object or list that the scan is in. */
interface Frame {
  path: string;
  /** Paths of the fields seen; undefined in a list. */
  fields: Set<string> | undefined;
  index: number;
  /** The next string is a field's name. */
  expectsName: boolean;
}

function fieldPath(parent: string, quoted: string): string {
  const name: unknown = JSON.parse(quoted);
  return parent === '' ? String(name) : `${parent}.${String(name)}`;
}
