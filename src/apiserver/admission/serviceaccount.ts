import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { keyOf } from '../../kinds/object.ts';
import { rootCertificateName } from '../bootstrap.ts';
import { isObject, listAt, objectAt, stringAt, valueAt, type JsonObject } from '../json.ts';
import { forbidden } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import type { Store } from '../store/store.ts';
import type { AdmissionPlugin } from './plugin.ts';

/** Where every container finds its account's token, the API's certificate authority and its namespace. */
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
/** The default account of a new namespace appears a moment after it. */
const lookups = 10;
const lookupPauseMs = 50;

/** Gives Pods their ServiceAccount, and a volume with its token unless they or it decline (plugin/pkg/admission/serviceaccount). */
export function serviceAccountAdmission(store: Store): AdmissionPlugin {
  const find = async (namespace: string | undefined, name: string): Promise<StoredObject | undefined> => {
    const key = keyOf({ namespace, name });
    for (
      let left = name === 'default' ? lookups : 1;
      left > 1 && store.get('/serviceaccounts', key) === undefined;
      left--
    ) {
      await delay(lookupPauseMs);
    }
    return store.get('/serviceaccounts', key);
  };
  return {
    handles: ({ operation, served, subresource }) =>
      operation === 'CREATE' && served.id === '/pods' && subresource === undefined,
    async mutate({ served, namespace }, pod) {
      const spec = objectAt(pod, 'spec') ?? {};
      const name = stringAt(spec, 'serviceAccountName') || 'default';
      const account = await find(namespace, name);
      if (account === undefined) {
        const why = `error looking up service account ${namespace ?? ''}/${name}: serviceaccount "${name}" not found`;
        throw forbidden(served.kind, pod.metadata.name, why);
      }
      const wanted = valueAt(spec, 'automountServiceAccountToken') ?? valueAt(account, 'automountServiceAccountToken');
      const named: JsonObject = {
        ...spec,
        serviceAccountName: name,
        serviceAccount: name,
        ...(listAt(spec, 'imagePullSecrets').length === 0 &&
          listAt(account, 'imagePullSecrets').length > 0 && { imagePullSecrets: listAt(account, 'imagePullSecrets') }),
      };
      return { ...pod, spec: wanted === false ? named : withToken(named) };
    },
  };
}

function withToken(spec: JsonObject): JsonObject {
  const volumes = listAt(spec, 'volumes');
  const known = volumes.map((volume) => stringAt(volume, 'name') ?? '').find((name) => name.startsWith(volumePrefix));
  const name = known ?? `${volumePrefix}${randomSuffix()}`;
  let mounted = false;
  const mount = (container: unknown): unknown => {
    if (!isObject(container)) return container;
    const mounts = listAt(container, 'volumeMounts');
    if (mounts.some((one) => stringAt(one, 'mountPath') === mountPath)) return container;
    mounted = true;
    return { ...container, volumeMounts: [...mounts, { name, readOnly: true, mountPath }] };
  };
  const lists = ['initContainers', 'containers'].filter((list) => Array.isArray(spec[list]));
  const containers = Object.fromEntries(lists.map((list) => [list, listAt(spec, list).map(mount)]));
  const added = mounted && known === undefined ? [tokenVolume(name)] : [];
  return { ...spec, ...containers, ...(added.length > 0 && { volumes: [...volumes, ...added] }) };
}

function tokenVolume(name: string): JsonObject {
  return {
    name,
    projected: {
      defaultMode: 420,
      sources: [
        // An hour, and a little more that tells these tokens from others.
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: rootCertificateName, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

function randomSuffix(): string {
  return Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]).join('');
}
