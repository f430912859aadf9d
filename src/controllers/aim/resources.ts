import { parseQuantity } from '../../kinds/quantity.ts';

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

/**
 * The later ones win, key by key, requests and limits apart. A request is lowered to the limit of a later one that says nothing
 * of the request: a container that asks for more than it may use is refused.
 */
export function mergeResources(...layers: readonly (Resources | undefined)[]): Resources {
  const requests: Record<string, string | number> = {};
  const limits: Record<string, string | number> = {};
  for (const layer of layers) {
    Object.assign(requests, layer?.requests);
    for (const [name, limit] of Object.entries(layer?.limits ?? {})) {
      limits[name] = limit;
      const request = requests[name];
      if (request !== undefined && layer?.requests?.[name] === undefined && isMore(request, limit)) {
        requests[name] = limit;
      }
    }
  }
  return {
    ...(Object.keys(requests).length === 0 ? {} : { requests }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
}

function isMore(one: string | number, other: string | number): boolean {
  return (parseQuantity(String(one)) ?? 0) > (parseQuantity(String(other)) ?? Infinity);
}
