/** A container image reference, as the parts that names and registries need (aim.md 2.3; OCI distribution, "name"). */
export interface ImageReference {
  /** Host and port to ask: `docker.io` when the reference names none. */
  readonly registry: string;
  /** Path inside the registry: `library/nginx`, `silogen/aim-dummy`. */
  readonly repository: string;
  readonly tag: string | undefined;
  /** `sha256:...` */
  readonly digest: string | undefined;
  /** Last path segment: `aim-dummy`. */
  readonly basename: string;
  /** What names of objects use as the tag: the tag, `latest` without one, six hex digits of a digest. */
  readonly nameTag: string;
}

/** A reference that no registry would understand; the message says what is wrong with which reference. */
export class InvalidImageReference extends Error {
  override readonly name = 'InvalidImageReference';
}

const component = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const tagShape = /^\w[\w.-]{0,127}$/;
const digestShape = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]+$/;
const hostShape =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const longestName = 255;

/** @throws InvalidImageReference */
export function parseImageReference(image: string): ImageReference {
  const refuse = (why: string): never => {
    throw new InvalidImageReference(
      `image "${image}" is not a valid reference: ${why}; write [REGISTRY/]REPOSITORY[:TAG] or [REGISTRY/]REPOSITORY@sha256:DIGEST`,
    );
  };
  const at = image.indexOf('@');
  const digest = at < 0 ? undefined : image.slice(at + 1);
  if (digest !== undefined && !digestShape.test(digest)) refuse(`"${digest}" is not a digest`);
  const named = at < 0 ? image : image.slice(0, at);
  const lastSlash = named.lastIndexOf('/');
  const colon = named.indexOf(':', lastSlash + 1);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !tagShape.test(tag)) refuse(`"${tag}" is not a tag`);
  const name = colon < 0 ? named : named.slice(0, colon);
  const { registry, path } = splitRegistry(name);
  if (path === '' || path.length > longestName) refuse('the repository must have 1 to 255 characters');
  if (!hostShape.test(registry)) refuse(`"${registry}" is not a registry host`);
  const odd = path.split('/').find((part) => !component.test(part));
  // Reference names are lower-case by rule; people and the operator's own vectors write upper-case ones, which only names use.
  if (odd !== undefined && !component.test(odd.toLowerCase())) refuse(`"${odd}" is not allowed in a repository`);
  const repository = registry === dockerHub && !path.includes('/') ? `library/${path}` : path;
  return {
    registry,
    repository,
    tag,
    digest,
    basename: path.slice(path.lastIndexOf('/') + 1),
    nameTag: digest === undefined ? (tag ?? 'latest') : digest.slice(digest.indexOf(':') + 1, digest.indexOf(':') + 7),
  };
}

export const dockerHub = 'docker.io';

/** The first segment is a host when it has a dot or a port, or is `localhost`. */
export function splitRegistry(name: string): { registry: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  if (!/[.:]/.test(first) && first !== 'localhost') return { registry: dockerHub, path: name };
  const registry = first === 'index.docker.io' ? dockerHub : first;
  return { registry, path: name.slice(slash + 1) };
}
