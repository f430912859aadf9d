import type { Kind } from '../kinds/kind.ts';
import type { KubeObject } from '../kinds/object.ts';
import { isConflict, type KubeClient } from '../kube/client.ts';

/** Creates an object unless there is one of its name, which stays as it is. */
export async function ensureObject<T extends KubeObject>(client: KubeClient, kind: Kind<T>, object: T): Promise<void> {
  if ((await client.get(kind, object.metadata)) !== undefined) return;
  try {
    await client.create(kind, object);
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}
