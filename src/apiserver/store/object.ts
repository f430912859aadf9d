import type { KubeObject } from '../../kinds/object.ts';

/** An object as it is stored: at its kind's storage version, never changed once stored. */
export type StoredObject = KubeObject & Record<string, unknown>;
