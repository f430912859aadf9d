/** Changes top-level fields of a JSON body by copying bytes: what is not changed stays byte for byte (aigateway.md 3.3, 4.1). */
import { decodeString, memberKey } from './body.ts';
import { JsonScan } from './scan.ts';

export interface FieldMutation {
  /** `value` is raw JSON where it looks like JSON, else text (aigateway.md 3.3 step 6). */
  readonly set: readonly { readonly path: string; readonly value: string }[];
  /** Removed before anything is set. */
  readonly remove: readonly string[];
}

/**
 * The body with `model` replaced. Every occurrence of a repeated key is replaced: a backend whose parser prefers the first
 * must not see another model than the one that was routed. A body without the field gets one.
 */
export function replaceModel(body: Buffer, scan: JsonScan, model: string): Buffer {
  const replacement = Buffer.from(JSON.stringify(model));
  const parts: Buffer[] = [];
  let copied = 0;
  const { members } = scan;
  for (let at = 0; at < members.length; at += 4) {
    if (memberKey(body, members[at] ?? 0, members[at + 1] ?? 0) !== 'model') continue;
    parts.push(body.subarray(copied, members[at + 2]), replacement);
    copied = members[at + 3] ?? 0;
  }
  if (parts.length === 0) {
    const separator = members.length === 0 ? '' : ',';
    parts.push(body.subarray(0, scan.end), Buffer.from(`${separator}"model":`), replacement);
    copied = scan.end;
  }
  parts.push(body.subarray(copied));
  return Buffer.concat(parts);
}

/** The body with the top-level fields of `mutation` removed and set, in this order; `undefined` when it is no JSON object. */
export function mutateFields(body: Buffer, mutation: FieldMutation): Buffer | undefined {
  const scan = new JsonScan();
  scan.push(body);
  scan.finish();
  if (!scan.complete) return undefined;
  // Values as raw bytes by key, in the order of their first occurrence; of repeated keys the last value counts.
  const fields = new Map<string, Buffer>();
  const { members } = scan;
  for (let at = 0; at < members.length; at += 4) {
    fields.set(
      decodeString(body, members[at] ?? 0, members[at + 1] ?? 0),
      body.subarray(members[at + 2], members[at + 3]),
    );
  }
  for (const path of mutation.remove) fields.delete(path);
  for (const { path, value } of mutation.set) fields.set(path, Buffer.from(rawJson(value)));
  const parts: Buffer[] = [];
  for (const [key, value] of fields) {
    parts.push(Buffer.from(`${parts.length === 0 ? '{' : ','}${JSON.stringify(key)}:`), value);
  }
  parts.push(Buffer.from(parts.length === 0 ? '{}' : '}'));
  return Buffer.concat(parts);
}

/** `value` itself where it is JSON, else `value` as a JSON string: `1.2.3` and `abc` become text, never a broken body. */
function rawJson(value: string): string {
  try {
    JSON.parse(value);
    return value;
  } catch {
    return JSON.stringify(value);
  }
}
