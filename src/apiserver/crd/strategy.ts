import { isObject, listAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Strategy } from '../builtin/strategy.ts';
import { withDefaults } from '../builtin/strategy.ts';
import type { StoredObject } from '../store/object.ts';
import { setDefinitionCondition } from './conditions.ts';
import { validateDefinition } from './validate.ts';

/** Marks the definitions of the kinds that Headgate itself brings. Only the server sets it; the spec of such a one is fixed. */
export const builtInLabel = 'headgate.dev/built-in';

export function isBuiltIn(crd: StoredObject): boolean {
  return crd.metadata.labels?.[builtInLabel] === 'true';
}

/** Holds a definition until the last of its objects is gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

export const customResourceDefinitions: Strategy = {
  prepare(object, previous) {
    if (previous !== undefined && isBuiltIn(previous)) {
      const labels = { ...object.metadata.labels, [builtInLabel]: 'true' };
      return { ...object, spec: previous['spec'], metadata: { ...object.metadata, labels } };
    }
    const spec = withSpecDefaults(objectAt(object, 'spec') ?? {});
    return { ...withoutBuiltInLabel(object), spec, status: withStoredVersion(spec, objectAt(object, 'status')) };
  },
  validate: (object, previous) => validateDefinition(object, previous),
  refuseDelete: (object) => (isBuiltIn(object) ? 'it is built into Headgate' : undefined),
  prepareDelete(object) {
    const finalizers = object.metadata.finalizers ?? [];
    if (finalizers.includes(cleanupFinalizer)) return object;
    return setDefinitionCondition(
      { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, cleanupFinalizer] } },
      {
        type: 'Terminating',
        status: 'True',
        reason: 'InstanceDeletionPending',
        message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
      },
    );
  },
};

function withSpecDefaults(spec: JsonObject): JsonObject {
  const names = objectAt(spec, 'names') ?? {};
  const kind = stringAt(names, 'kind') ?? '';
  return {
    ...withDefaults(spec, { conversion: { strategy: 'None' } }),
    names: withDefaults(names, { singular: kind.toLowerCase(), listKind: `${kind}List` }),
  };
}

/** Every version that objects may have been stored at is remembered. */
function withStoredVersion(spec: JsonObject, status: JsonObject | undefined): JsonObject {
  const storage = listAt(spec, 'versions').find((version) => isObject(version) && version['storage'] === true);
  const name = stringAt(storage, 'name');
  const stored = listAt(status, 'storedVersions');
  const storedVersions = name === undefined || stored.includes(name) ? stored : [...stored, name];
  return { conditions: [], acceptedNames: { plural: '', kind: '' }, ...status, storedVersions };
}

function withoutBuiltInLabel(object: StoredObject): StoredObject {
  if (object.metadata.labels?.[builtInLabel] === undefined) return object;
  const { [builtInLabel]: _dropped, ...labels } = object.metadata.labels;
  return { ...object, metadata: { ...object.metadata, labels } };
}
