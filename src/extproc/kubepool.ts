/** A pool as a Kubernetes API declares it: an InferencePool and its pods, or pods by a selector (epp.md 4.1, 4.6). */
import { Pod } from '../kinds/core/pod.ts';
import { InferenceModelRewrite } from '../kinds/inference/inferencemodelrewrite.ts';
import { InferenceObjective } from '../kinds/inference/inferenceobjective.ts';
import { InferencePool } from '../kinds/inference/inferencepool.ts';
import { poolOfX } from '../kinds/inference/poolconversion.ts';
import { XInferencePool } from '../kinds/inference/xinferencepool.ts';
import { createInformerCache } from '../kube/cache.ts';
import type { ObjectRef } from '../kinds/object.ts';
import type { KubeClient } from '../kube/client.ts';
import type { InformerCache } from '../kube/informer.ts';
import type { LabelSelector } from '../kinds/labels.ts';
import type { Log } from '../telemetry/log.ts';
import { podEndpoints } from './podendpoints.ts';
import { selecting } from './selecting.ts';
import type { PoolListener, PoolSource } from './poolsource.ts';

export interface KubePoolOptions {
  client: KubeClient;
  namespace: string;
  /** The pool's name and API group, or what to select pods by without a pool (--endpoint-selector). */
  pool: { name: string; group: string } | { selector: LabelSelector; ports: readonly number[] };
  listener: PoolListener;
  log: Log;
}

/** Watches the pool, its pods, objectives and rewrites. What is not there yet, or may not be read, is waited for. */
export function watchKubePool({ client, namespace, pool, listener, log }: KubePoolOptions): PoolSource {
  const scoped = selecting(client, { namespace });
  const cache = createInformerCache(scoped, log);
  const pods = cache.informer(Pod);
  const pools = 'name' in pool ? watchPools(cache, pool.group) : undefined;
  let listed = false;
  let known: boolean | undefined;

  const findPool = (): { selector: LabelSelector; ports: readonly number[] } | undefined => {
    if (!('name' in pool)) return pool;
    const spec = pools?.spec({ namespace, name: pool.name });
    return spec && { selector: spec.selector, ports: spec.targetPorts.map(({ number }) => number) };
  };
  const updateEndpoints = (): void => {
    if (!listed) return;
    const found = findPool();
    if ((found !== undefined) !== known) {
      known = found !== undefined;
      log.info({ namespace, ...pool }, known ? 'pool found' : 'there is no such pool: no endpoint is ready');
    }
    listener.endpoints(found === undefined ? [] : podEndpoints(pods.list(namespace), found));
  };
  pods.onChange(updateEndpoints);
  pools?.onChange(updateEndpoints);
  void cache.synced().then(() => {
    listed = true;
    updateEndpoints();
  });

  // These kinds may not exist, and an older Role does not grant them: the pool is ready without.
  const optional = createInformerCache(scoped, log);
  const objectives = optional.informer(InferenceObjective);
  const rewrites = optional.informer(InferenceModelRewrite);
  const updateObjects = (): void => {
    listener.objects(objectives.list(namespace), rewrites.list(namespace));
  };
  objectives.onChange(updateObjects);
  rewrites.onChange(updateObjects);

  return {
    synced: () => known === true,
    close: async () => {
      await Promise.all([cache.stop(), optional.stop()]);
    },
  };
}

/** Pools of one API group, in the shape of v1. */
function watchPools(
  cache: InformerCache,
  group: string,
): { spec(ref: ObjectRef): InferencePool['spec'] | undefined; onChange(listener: () => void): void } {
  if (group === InferencePool.group) {
    const pools = cache.informer(InferencePool);
    return { spec: (ref) => pools.get(ref)?.spec, onChange: (listener) => void pools.onChange(listener) };
  }
  const before = cache.informer(XInferencePool);
  return {
    spec: (ref) => {
      const pool = before.get(ref);
      return pool && poolOfX(pool).spec;
    },
    onChange: (listener) => void before.onChange(listener),
  };
}
