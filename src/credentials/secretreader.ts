import { isDeepStrictEqual } from 'node:util';
import type { SecretContent, SecretReader } from './environment.ts';
import { Redacted } from './redacted.ts';

/** As much of a Secret object as is read. */
export interface SecretObject {
  readonly data?: Readonly<Record<string, string>>;
}

interface Read {
  readonly secret: SecretObject;
  readonly content: SecretContent;
}

/**
 * The content of Secrets, beside the table and never in it. `find` is asked at each use, so that a change takes effect at once. What is
 * read stays the same object while the Secret says the same: a cache that was filled anew, or a changed label, is no rotation.
 */
export function secretReader(
  find: (ref: { readonly namespace: string; readonly name: string }) => SecretObject | undefined,
): SecretReader {
  const reads = new Map<string, Read>();
  return {
    read: (ref) => {
      const name = `${ref.namespace}/${ref.name}`;
      const secret = find(ref);
      const known = reads.get(name);
      if (secret === undefined) {
        reads.delete(name);
        return undefined;
      }
      if (known?.secret === secret) return known.content;
      const same = known !== undefined && isDeepStrictEqual(known.secret.data, secret.data);
      const content = same ? known.content : contentOf(secret);
      reads.set(name, { secret, content });
      return content;
    },
  };
}

function contentOf({ data = {} }: SecretObject): SecretContent {
  const entries = Object.entries(data);
  return new Map(entries.map(([key, text]) => [key, new Redacted(Buffer.from(text, 'base64').toString())]));
}
