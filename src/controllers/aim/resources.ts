/** Resources of the container that serves a model (aim.md 5.7). */

type Quantities = Readonly<Record<string, string | number>>;

export interface Resources {
  readonly requests?: Quantities;
  readonly limits?: Quantities;
}

export const defaultGpuResource = 'amd.com/gpu';

/** Four CPUs and 32 GiB for each GPU, at most 48 GiB; nothing without GPUs. */
export function gpuResources(gpus: number, resourceName = defaultGpuResource): Resources {
  if (gpus <= 0) return {};
  return {
    requests: { cpu: String(4 * gpus), memory: `${32 * gpus}Gi`, [resourceName]: String(gpus) },
    limits: { memory: `${48 * gpus}Gi`, [resourceName]: String(gpus) },
  };
}

/** The later ones win, key by key, requests and limits apart. */
export function mergeResources(...layers: readonly (Resources | undefined)[]): Resources {
  const merge = (field: 'requests' | 'limits'): Quantities =>
    Object.assign({}, ...layers.map((layer) => layer?.[field] ?? {})) as Quantities;
  const requests = merge('requests');
  const limits = merge('limits');
  return {
    ...(Object.keys(requests).length === 0 ? {} : { requests }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
}
