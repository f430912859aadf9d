import { equalJson } from '../json.ts';
import type { ObjectSchema } from '../schema/object.ts';
import type { StoredObject } from '../store/object.ts';

/**
 * Custom resources are stored as they were written, maybe under an older definition: when read they are pruned and given
 * defaults as the definition of today says, like kube-apiserver does. An object that already fits is returned itself.
 */
export function createReadThrough(schemaOf: () => ObjectSchema): (stored: StoredObject) => StoredObject {
  const known = new WeakMap<StoredObject, StoredObject>();
  let schema: ObjectSchema | undefined;
  return (stored) => {
    const before = known.get(stored);
    if (before !== undefined) return before;
    schema ??= schemaOf();
    const { metadata: _metadata, ...fields } = schema.decode({ ...stored }, []);
    const read = { ...fields, metadata: stored.metadata };
    const result = equalJson(read, stored) ? stored : read;
    known.set(stored, result);
    return result;
  };
}
