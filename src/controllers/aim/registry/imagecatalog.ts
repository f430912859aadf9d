import { createHash } from 'node:crypto';
import type { ImageMetadata } from '../../../kinds/aim/imagemetadata.ts';
import type { Log } from '../../../telemetry/log.ts';
import { metadataOfLabels } from '../models/imagemetadata.ts';
import { parseImageReference, type ImageReference } from './imagereference.ts';
import type { RegistryCredential } from './credentials.ts';
import type { RegistryReader } from './reader.ts';

/**
 * What images are, asked of registries in the background: a slow or dead registry holds up no controller, one question per
 * image is under way at a time, and a failed one is asked again after a wait that doubles.
 */
export interface ImageCatalog {
  /** Images that are known without asking anybody. */
  builtin(image: string): ImageMetadata | undefined;
  lookUp(image: string, credentials: readonly RegistryCredential[]): ImageLookUp;
  /** Called when the answer for an image has come or changed. Returns the function that stops it. */
  onAnswer(listener: (image: string) => void): () => void;
  stop(): Promise<void>;
}

export type ImageLookUp =
  | { readonly state: 'known'; readonly metadata: ImageMetadata }
  | { readonly state: 'pending' }
  /** Not an image reference. */
  | { readonly state: 'invalid' }
  /** Asked again by the next look-up after the wait. */
  | { readonly state: 'failed'; readonly error: Error; readonly retryAfterMs: number };

export interface ImageCatalogOptions {
  readonly reader: RegistryReader;
  /** Images that are known without a registry, such as those for which the embedded node runs a program of its own. */
  readonly builtin?: ((image: string) => ImageMetadata | undefined) | undefined;
  readonly log: Log;
  /** First and longest wait after a failure, in ms. */
  readonly backOff?: { readonly firstMs: number; readonly lastMs: number };
  readonly now?: () => number;
}

/** Questions under way at a time, over all registries. */
const maxConcurrent = 4;
/** Answers remembered; the oldest is forgotten, and asked again if somebody still wants it. */
const maxRemembered = 1000;
/** A good answer is for those who ask at the same time: models keep it in their status. */
const rememberMs = 600_000;
const defaultBackOff = { firstMs: 5_000, lastMs: 300_000 };

interface Entry {
  readonly image: ImageReference;
  readonly credentials: readonly RegistryCredential[];
  answer: { metadata: ImageMetadata } | { error: Error } | undefined;
  busy: boolean;
  failures: number;
  /** When the answer is out of date. */
  until: number;
}

export function createImageCatalog(options: ImageCatalogOptions): ImageCatalog {
  const { reader, builtin, log, backOff = defaultBackOff, now = () => performance.now() } = options;
  const entries = new Map<string, Entry>();
  const waiting: Entry[] = [];
  const listeners = new Set<(image: string) => void>();
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();

  const ask = async (entry: Entry): Promise<void> => {
    try {
      const { credentials } = entry;
      const labels = await reader.labels(entry.image, { credentials, signal: stopping.signal });
      entry.answer = { metadata: metadataOfLabels(labels) };
      entry.failures = 0;
      entry.until = now() + rememberMs;
    } catch (error) {
      if (stopping.signal.aborted) return;
      const known = error instanceof Error ? error : new Error(String(error));
      log.info({ image: entry.image.text, error: known.message }, 'image metadata not available');
      entry.answer = { error: known };
      entry.until = now() + Math.min(backOff.firstMs * 2 ** Math.min(entry.failures, 20), backOff.lastMs);
      entry.failures += 1;
    }
    entry.busy = false;
    for (const listener of listeners) listener(entry.image.text);
  };
  const start = (): void => {
    while (running.size < maxConcurrent && !stopping.signal.aborted) {
      const entry = waiting.shift();
      if (entry === undefined) return;
      const task = ask(entry).finally(() => {
        running.delete(task);
        start();
      });
      running.add(task);
    }
  };

  return {
    builtin: (image) => builtin?.(image),
    lookUp: (image, credentials) => {
      const parsed = parseImageReference(image);
      if (parsed === undefined) return { state: 'invalid' };
      const key = keyOf(image, credentials);
      const entry = entries.get(key) ?? newEntry(parsed, credentials);
      // Deleted and set again: the map is in order of use, and the first is forgotten.
      entries.delete(key);
      entries.set(key, entry);
      forgetOldest(entries);
      if (!entry.busy && now() >= entry.until) {
        entry.busy = true;
        waiting.push(entry);
        start();
      }
      return answerOf(entry, now());
    },
    onAnswer: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: async () => {
      stopping.abort();
      waiting.length = 0;
      await Promise.all(running);
    },
  };
}

function newEntry(image: ImageReference, credentials: readonly RegistryCredential[]): Entry {
  return { image, credentials, answer: undefined, busy: false, failures: 0, until: 0 };
}

/** While it is asked again, the last answer stands. */
function answerOf({ answer, until }: Entry, now: number): ImageLookUp {
  if (answer === undefined) return { state: 'pending' };
  if ('metadata' in answer) return { state: 'known', metadata: answer.metadata };
  return { state: 'failed', error: answer.error, retryAfterMs: Math.max(0, until - now) };
}

/** Another Secret may see another image; the key holds no secret itself. */
function keyOf(image: string, credentials: readonly RegistryCredential[]): string {
  return `${image} ${createHash('sha256').update(JSON.stringify(credentials)).digest('hex')}`;
}

function forgetOldest(entries: Map<string, Entry>): void {
  if (entries.size <= maxRemembered) return;
  for (const [key, entry] of entries) {
    if (entry.busy) continue;
    entries.delete(key);
    return;
  }
}
