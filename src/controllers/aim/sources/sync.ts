import type { RegistryCredential } from '../registry/credentials.ts';
import type { RegistryReader } from '../registry/reader.ts';
import type { RepositorySearch } from '../registry/search.ts';
import { filterMode, filterQuery, imageOf, keepsRepository, keepsTag, type SourceFilter } from './filters.ts';

/** Asks registries for the images that the filters of a source let through (aim.md 10). */

export interface FoundImage {
  readonly image: string;
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
}

export interface SyncResult {
  /** Sorted by image, each once. */
  readonly images: readonly FoundImage[];
  /** Filters that could not be answered, a sentence each. */
  readonly failures: readonly string[];
  readonly filters: number;
}

export interface SyncRequest {
  readonly registry: string;
  readonly filters: readonly SourceFilter[];
  readonly versions?: readonly string[] | undefined;
  readonly credentials: readonly RegistryCredential[];
  readonly signal: AbortSignal;
}

/** One sync takes no longer; what is not answered by then has failed. */
const syncTimeoutMs = 300_000;
/** Repositories whose tags one filter may list. */
const maxRepositories = 1_000;

export async function syncSource(
  reader: RegistryReader,
  search: RepositorySearch,
  request: SyncRequest,
): Promise<SyncResult> {
  const { credentials, registry, filters, versions = [] } = request;
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(syncTimeoutMs)]);
  const options = { credentials, signal };
  const images = new Map<string, FoundImage>();
  const failures: string[] = [];

  const findImages = async (filter: SourceFilter): Promise<FoundImage[]> => {
    const query = filterQuery(filter, { registry, versions });
    const found = (repository: string, tag: string): FoundImage => ({
      image: imageOf(query.registry, repository, tag),
      registry: query.registry,
      repository,
      tag,
    });
    const mode = filterMode(query);
    if (mode === 'exact') {
      const excluded = query.exclude.includes(query.repository);
      return excluded || query.tag === undefined ? [] : [found(query.repository, query.tag)];
    }
    const all =
      mode === 'tags' ? [query.repository] : await search.repositories(query.registry, query.repository, options);
    const repositories = all.filter((repository) => keepsRepository(query, repository));
    if (repositories.length > maxRepositories) {
      throw new Error(`${String(repositories.length)} repositories match: narrow the filter down`);
    }
    const kept: FoundImage[] = [];
    for (const repository of repositories) {
      const tags = await reader.tags(query.registry, repository, options);
      kept.push(...tags.filter((tag) => keepsTag(query, tag)).map((tag) => found(repository, tag)));
    }
    return kept;
  };

  for (const filter of filters) {
    try {
      for (const found of await findImages(filter)) images.set(found.image, found);
    } catch (error) {
      if (request.signal.aborted) throw error;
      failures.push(`filter ${filter.image}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const sorted = [...images.values()].toSorted((a, b) => (a.image < b.image ? -1 : 1));
  return { images: sorted, failures, filters: filters.length };
}
