import { dockerHub, splitRegistry, splitTag } from '../registry/imagereference.ts';
import { tagSatisfies } from './versions.ts';

/** Filters of an AIMClusterModelSource: which images of a registry become models (aim.md 10). */

export interface SourceFilter {
  readonly image: string;
  readonly exclude?: readonly string[];
  readonly versions?: readonly string[];
}

/** A filter taken apart: what to ask which registry, and what to keep of the answer. */
export interface FilterQuery {
  readonly registry: string;
  /** Repository, perhaps with `*`. */
  readonly repository: string;
  readonly tag: string | undefined;
  readonly exclude: readonly string[];
  readonly versions: readonly string[];
}

/** `exact` needs no registry, `tags` lists one repository's, `search` looks for repositories first. */
export type FilterMode = 'exact' | 'tags' | 'search';

/** The versions of the filter replace those of the source. */
export function filterQuery(
  filter: SourceFilter,
  source: { readonly registry: string; readonly versions?: readonly string[] },
): FilterQuery {
  const { name, tag } = splitTag(filter.image);
  const { registry, path } = splitRegistry(name);
  const namesRegistry = path !== name;
  return {
    registry: namesRegistry ? registry : source.registry,
    repository: path,
    tag,
    exclude: filter.exclude ?? [],
    versions: filter.versions !== undefined && filter.versions.length > 0 ? filter.versions : (source.versions ?? []),
  };
}

export function filterMode({ repository, tag }: FilterQuery): FilterMode {
  if (repository.includes('*')) return 'search';
  return tag === undefined ? 'tags' : 'exact';
}

export function keepsRepository(query: FilterQuery, repository: string): boolean {
  return matchesWildcard(query.repository, repository) && !query.exclude.includes(repository);
}

/** A tag in the filter counts alone; otherwise every version constraint must hold. */
export function keepsTag({ tag, versions }: FilterQuery, candidate: string): boolean {
  return tag === undefined ? tagSatisfies(candidate, versions) : candidate === tag;
}

/** `*` stands for any run of characters, `/` included; everything else for itself. Takes linear time. */
export function matchesWildcard(pattern: string, text: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === text;
  const tail = rest.pop() ?? '';
  if (!text.startsWith(head) || !text.endsWith(tail) || text.length < head.length + tail.length) return false;
  let from = head.length;
  const end = text.length - tail.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at < 0 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}

/** The reference of an image: Docker Hub's carry no host, as people write them. */
export function imageOf(registry: string, repository: string, tag: string): string {
  return registry === dockerHub ? `${repository}:${tag}` : `${registry}/${repository}:${tag}`;
}
