/**
 * The one form of a path that is matched, forwarded and logged, as Envoy Gateway makes it by default: `.` and `..` segments resolved, also where
 * their dots are escaped, back-slashes read as slashes, slashes in a row merged. Without it `/public/../admin` goes to the backend of
 * `/public`, which may serve it as `/admin`.
 */

/** What a path has to be looked at for; most have none of it. */
const suspicious = /\/\/|\\|\/\.|%2e|%2f|%5c/i;
const escapedSlash = /%2f|%5c/i;
/** Ids of models may have slashes, and SDKs escape them; what a server makes of it is below the models in any case. */
const modelById = /^\/(?:anthropic\/)?v1\/models\/[^/\\]+$/;
const dotSegment = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i;

export type NormalizedPath =
  | { readonly path: string }
  /** It has escaped slashes, of which servers disagree whether they separate segments: where the client is to ask instead. */
  | { readonly redirect: string };

/** `path` begins with a slash and has no query. */
export function normalizePath(path: string): NormalizedPath {
  if (!suspicious.test(path)) return { path };
  if (modelById.test(path) && !dotSegment.test(path.replaceAll(/%2f|%5c/gi, '/'))) return { path };
  if (escapedSlash.test(path)) return { redirect: resolve(path.replaceAll(/%2f|%5c/gi, '/')) };
  return { path: resolve(path) };
}

/** Segments above the root are dropped (RFC 3986 5.2.4). A path that ends with a dot segment ends with a slash. */
function resolve(path: string): string {
  const segments: string[] = [];
  const parts = path.replaceAll('\\', '/').split('/');
  let last = '';
  for (const part of parts) {
    last = part.replaceAll(/%2e/gi, '.');
    if (last === '..') segments.pop();
    else if (last !== '.' && part !== '') segments.push(part);
  }
  const directory = last === '' || last === '.' || last === '..';
  return `/${segments.join('/')}${directory && segments.length > 0 ? '/' : ''}`;
}
