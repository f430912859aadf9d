/** Which base model an adapter belongs to, as ConfigMaps say (epp.md 8.2). */
import { parse } from 'yaml';
import { ConfigMap } from '../kinds/core/configmap.ts';
import { createInformerCache } from '../kube/cache.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Log } from '../telemetry/log.ts';
import { selecting } from './selecting.ts';

const managedLabel = 'inference.networking.k8s.io/bbr-managed';

export interface BaseModels {
  /** The base model of an adapter, or of itself; empty when the name is unknown. */
  baseOf(model: string): string;
  close(): Promise<void>;
}

/** Without an API no name is known. */
export const noBaseModels: BaseModels = { baseOf: () => '', close: () => Promise.resolve() };

/** @param namespace undefined: all */
export function watchBaseModels(client: KubeClient, namespace: string | undefined, log: Log): BaseModels {
  const cache = createInformerCache(selecting(client, { namespace, labelSelector: `${managedLabel}=true` }), log);
  const maps = cache.informer(ConfigMap);
  let bases: ReadonlyMap<string, string> = new Map();
  maps.onChange(() => {
    bases = new Map(maps.list().flatMap((map) => baseModelsOf(map, log)));
  });
  return { baseOf: (model) => bases.get(model) ?? '', close: () => cache.stop() };
}

/** Pairs of a model name and its base model. */
export function baseModelsOf(map: ConfigMap, log: Log): (readonly [model: string, base: string])[] {
  const { namespace, name } = map.metadata;
  const base = map.data?.['baseModel'] ?? '';
  if (base === '') {
    log.warn({ namespace, name }, 'ConfigMap has no baseModel');
    return [];
  }
  let adapters: unknown;
  try {
    adapters = parse(map.data?.['adapters'] ?? '[]');
  } catch (error) {
    log.warn({ namespace, name, err: error }, 'adapters of the ConfigMap are not YAML');
  }
  const names = Array.isArray(adapters) ? adapters.filter((adapter) => typeof adapter === 'string') : [];
  return [base, ...names].map((model) => [model, base] as const);
}
