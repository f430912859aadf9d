import type { ImageMetadata } from '../../../kinds/aim/imagemetadata.ts';
import { Secret } from '../../../kinds/core/secret.ts';
import { keyOf } from '../../../kinds/object.ts';
import { invalidSpec, missingUpstream, type Failure } from '../failures.ts';
import { invalidImage } from '../registry/imagereference.ts';
import type { Reader } from '../../../reconcile/pass.ts';
import { credentialsOf, type RegistryCredential } from '../registry/credentials.ts';
import type { ImageCatalog } from '../registry/imagecatalog.ts';

/** What is known of a model's image, and why not more (aim.md 6.2). */
export type MetadataFinding =
  | { readonly state: 'known'; readonly metadata: ImageMetadata }
  /** The model does not want it. */
  | { readonly state: 'skipped' }
  | { readonly state: 'pending' }
  | {
      readonly state: 'failed';
      readonly failure: Failure;
      /** Absent where only a change of the object or of a Secret helps. */
      readonly retryAfterMs?: number;
      readonly error?: Error;
    };

/** The credentials of pull secrets, or why they cannot be used. */
export type PullSecrets =
  | { readonly ok: true; readonly credentials: readonly RegistryCredential[] }
  | { readonly ok: false; readonly failure: Failure };

/** A name that is empty is ignored, as pods ignore it. */
export function readPullSecrets(
  read: Reader,
  secrets: readonly { name?: string }[] | undefined,
  namespace: string,
): PullSecrets {
  const credentials: RegistryCredential[] = [];
  for (const { name = '' } of secrets ?? []) {
    if (name === '') continue;
    const secret = read.get(Secret, { namespace, name });
    if (secret === undefined) {
      const message = `imagePullSecrets: there is no Secret ${keyOf({ namespace, name })}: create it or take the name out`;
      return { ok: false, failure: missingUpstream(message, 'SecretNotFound') };
    }
    try {
      credentials.push(...credentialsOf(secret));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { ok: false, failure: { category: 'Infrastructure', reason: 'SecretAccessFailed', message } };
    }
  }
  return { ok: true, credentials };
}

export interface MetadataQuestion {
  readonly image: string;
  readonly imagePullSecrets?: readonly { name?: string }[] | undefined;
  /** Namespace of the Secrets. */
  readonly namespace: string;
  /** What an earlier pass found out about the same image. */
  readonly remembered: ImageMetadata | undefined;
}

/** The answer that is there now; the catalog wakes the model when there is another. */
export function lookUpMetadata(read: Reader, catalog: ImageCatalog, question: MetadataQuestion): MetadataFinding {
  const { image, remembered } = question;
  if (remembered !== undefined) return { state: 'known', metadata: remembered };
  const builtin = catalog.builtin(image);
  if (builtin !== undefined) return { state: 'known', metadata: builtin };
  const secrets = readPullSecrets(read, question.imagePullSecrets, question.namespace);
  if (!secrets.ok) return { state: 'failed', failure: secrets.failure };
  const answer = catalog.lookUp(image, secrets.credentials);
  switch (answer.state) {
    case 'known':
    case 'pending':
      return answer;
    case 'invalid':
      return { state: 'failed', failure: invalidSpec('InvalidImageReference', invalidImage(image)) };
    case 'failed': {
      const { error, retryAfterMs } = answer;
      // The operator does not tell these apart (aim.md 6.2): Unknown degrades the model and is tried again.
      const failure: Failure = { category: 'Unknown', reason: 'UnknownError', message: error.message };
      return { state: 'failed', failure, retryAfterMs, error };
    }
  }
}

/** Soonest that a registry is asked again: an answer that is out of date is being replaced already. */
export function retryDelay(finding: MetadataFinding): number | undefined {
  if (finding.state !== 'failed' || finding.retryAfterMs === undefined) return undefined;
  return Math.max(1000, finding.retryAfterMs);
}
