/** A pool as a Kubernetes API declares it: an InferencePool and its pods, or pods by a selector (epp.md 4.1, 4.6). */
import { Pod } from '../kinds/core/pod.ts';
import { InferenceModelRewrite } from '../kinds/inference/inferencemodelrewrite.ts';
import { InferenceObjective } from '../kinds/inference/inferenceobjective.ts';
import { InferencePool } from '../kinds/inference/inferencepool.ts';
import { createInformerCache } from '../kube/cache.ts';
import type { KubeClient } from '../kube/client.ts';
import type { LabelSelector } from '../kube/labels.ts';
import type { Log } from '../telemetry/log.ts';
import { podEndpoints } from './podendpoints.ts';
import { selecting } from './selecting.ts';
import type { PoolListener, PoolSource } from './poolsource.ts';

export interface KubePoolOptions {
  client: KubeClient;
  namespace: string;
  /** The pool's name, or what to select pods by without a pool (--endpoint-selector). */
  pool: { name: string } | { selector: LabelSelector; ports: readonly number[] };
  listener: PoolListener;
  log: Log;
}

/** Watches the pool, its pods, objectives and rewrites. What is not there yet, or may not be read, is waited for. */
export function watchKubePool({ client, namespace, pool, listener, log }: KubePoolOptions): PoolSource {
  const scoped = selecting(client, { namespace });
  const cache = createInformerCache(scoped, log);
  const pods = cache.informer(Pod);
  const pools = 'name' in pool ? cache.informer(InferencePool) : undefined;
  let listed = false;
  let known: boolean | undefined;

  const findPool = (): { selector: LabelSelector; ports: readonly number[] } | undefined => {
    if (!('name' in pool)) return pool;
    const spec = pools?.get({ namespace, name: pool.name })?.spec;
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
