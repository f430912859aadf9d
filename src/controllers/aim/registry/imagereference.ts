/** A container image as users write it, in the parts that names and registries need (aim.md 2.3). */
export interface ImageReference {
  readonly text: string;
  /** Host and port to ask: `docker.io` when the reference names none. */
  readonly registry: string;
  /** Path inside the registry: `library/nginx`, `silogen/aim-dummy`. */
  readonly repository: string;
  /** What a registry is asked for: the digest, else the tag, else `latest`. */
  readonly version: string;
  /** The last part of the repository. */
  readonly basename: string;
  /** What names of objects use: `latest` where there is none, the first six digits of a digest. */
  readonly tag: string;
}

// References are lower-case by rule, but the operator takes others, too.
const component = /^[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*$/;
const tagShape = /^\w[\w.-]{0,127}$/;
const digestShape = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{6,}$/;
const hostShape =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const longestName = 255;

/** undefined for what is not an image reference, such as `:::invalid` or `name:`. */
export function parseImageReference(text: string): ImageReference | undefined {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !digestShape.test(digest)) return undefined;
  const { name, tag } = splitTag(at < 0 ? text : text.slice(0, at));
  if (tag !== undefined && !tagShape.test(tag)) return undefined;
  const { registry, path } = splitRegistry(name);
  const parts = path.split('/');
  if (path.length > longestName || !hostShape.test(registry) || !parts.every((part) => component.test(part))) {
    return undefined;
  }
  return {
    text,
    registry,
    repository: registry === dockerHub && parts.length === 1 ? `library/${path}` : path,
    version: digest ?? tag ?? 'latest',
    basename: parts.at(-1) ?? '',
    tag: digest?.slice(digest.indexOf(':') + 1).slice(0, 6) ?? tag ?? 'latest',
  };
}

/** What to tell whoever wrote something that is no reference. */
export function invalidImage(text: string): string {
  return `image "${text}" is not a valid reference: write [REGISTRY/]REPOSITORY[:TAG] or [REGISTRY/]REPOSITORY@sha256:DIGEST`;
}

export const dockerHub = 'docker.io';

/** A colon in the last segment begins the tag; one before it is a host's port. */
export function splitTag(text: string): { name: string; tag: string | undefined } {
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  return colon < 0 ? { name: text, tag: undefined } : { name: text.slice(0, colon), tag: text.slice(colon + 1) };
}

/** The first segment is a host when it has a dot or a port, or is `localhost`. */
export function splitRegistry(name: string): { registry: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  if (!/[.:]/.test(first) && first !== 'localhost') return { registry: dockerHub, path: name };
  const registry = first === 'index.docker.io' ? dockerHub : first;
  return { registry, path: name.slice(slash + 1) };
}
