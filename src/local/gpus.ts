import { gpuModels } from '../kinds/aim/gpumodels.ts';
import type { Pod } from '../kinds/core/pod.ts';
import { parseQuantity } from '../kinds/quantity.ts';

/** GPUs that a node says it has. There are none: programs that would use them are simulated or the user's own. */
export interface NodeGpus {
  model: string;
  count: number;
}

/** The resource under which AMD's device plugin offers GPUs. */
export const gpuResource = 'amd.com/gpu';
/** Marks the GPUs of a Node as pretended. */
export const simulatedGpusAnnotation = 'headgate.dev/simulated-gpus';

/** What a node has unless the user says otherwise: enough for the examples of the AIM guides. */
export const defaultGpus: readonly NodeGpus[] = [{ model: 'MI300X', count: 8 }];

const mostGpus = 1024;

/**
 * Reads `MI300X:8,MI325X:4`: models with the number of each (8 unless given), one node per entry. `none` stands for no GPU.
 *
 * @throws Error that says what is wrong with the text.
 */
export function parseGpus(text: string): NodeGpus[] {
  if (text.trim().toLowerCase() === 'none') return [];
  return text.split(',').map((part) => {
    const [name = '', count = '8', ...rest] = part.trim().split(':');
    const known = gpuModels.find(({ model }) => model === name.toUpperCase());
    if (known === undefined) {
      const models = gpuModels.map(({ model }) => model).join(', ');
      throw new Error(`"${part.trim()}" names no GPU model; use MODEL:COUNT with one of ${models}, or none`);
    }
    if (rest.length > 0 || !/^\d{1,4}$/.test(count) || Number(count) < 1 || Number(count) > mostGpus) {
      throw new Error(`"${part.trim()}": the number of GPUs must be 1 to ${String(mostGpus)}`);
    }
    return { model: known.model, count: Number(count) };
  });
}

/** As `--gpus` takes it. */
export function gpusText(gpus: readonly NodeGpus[]): string {
  return gpus.map(({ model, count }) => `${model}:${String(count)}`).join(',');
}

/** The labels that AMD's node labeller writes (aim.md 7.6). */
export function gpuLabels({ model, count }: NodeGpus): Record<string, string> {
  const known = gpuModels.find((candidate) => candidate.model === model);
  if (known === undefined) return {};
  const [deviceId] = known.deviceIds;
  return {
    [`${gpuResource}.device-id`]: deviceId,
    [`${gpuResource}.device-id.${deviceId}`]: String(count),
    [`${gpuResource}.vram`]: `${String(known.vramGi)}G`,
  };
}

/** GPUs that a Pod asks for: those of its containers together, or of the init container that wants most. */
export function gpusOf(pod: Pod): number {
  const wanted = (container: { resources?: { requests?: object; limits?: object } }): number => {
    const { requests = {}, limits = {} } = container.resources ?? {};
    const quantity = quantityOf(requests) ?? quantityOf(limits);
    return quantity === undefined ? 0 : (parseQuantity(quantity) ?? 0);
  };
  const main = pod.spec.containers.reduce((sum, container) => sum + wanted(container), 0);
  return Math.max(main, ...(pod.spec.initContainers ?? []).map(wanted));
}

function quantityOf(resources: object): string | number | undefined {
  const value: unknown = new Map<string, unknown>(Object.entries(resources)).get(gpuResource);
  return typeof value === 'string' || typeof value === 'number' ? value : undefined;
}
