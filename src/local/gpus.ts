import { gpuModels } from '../kinds/aim/gpumodels.ts';
import type { Pod } from '../kinds/core/pod.ts';
import { parseQuantity } from '../kinds/quantity.ts';

/** The resources under which the device plugins of AMD and NVIDIA offer GPUs: the only ones that are counted. */
export const gpuResources = ['amd.com/gpu', 'nvidia.com/gpu'] as const;
export type GpuResource = (typeof gpuResources)[number];

/** GPUs that a node says it has. There are none: programs that would use them are simulated or the user's own. */
export interface NodeGpus {
  /** As people name it: `MI300X`. */
  model: string;
  capacity: Readonly<Partial<Record<GpuResource, number>>>;
}

/** Marks the GPUs of a Node as pretended. */
export const simulatedGpusAnnotation = 'headgate.dev/simulated-gpus';

/** What a node has unless the user says otherwise: more than simulated fleets ask for. */
export const defaultGpus: readonly NodeGpus[] = [
  { model: 'MI300X', capacity: { 'amd.com/gpu': 10_000, 'nvidia.com/gpu': 10_000 } },
];

const defaultCount = 8;
const mostGpus = 100_000;

/** NVIDIA's models, with the labels that its GPU feature discovery gives a node: product and memory of one GPU in MiB. */
const nvidiaModels: Readonly<Record<string, { product: string; memoryMi: number }>> = {
  B200: { product: 'NVIDIA-B200', memoryMi: 183_359 },
  H200: { product: 'NVIDIA-H200', memoryMi: 143_771 },
  H100: { product: 'NVIDIA-H100-80GB-HBM3', memoryMi: 81_559 },
  A100: { product: 'NVIDIA-A100-SXM4-80GB', memoryMi: 81_920 },
  L40S: { product: 'NVIDIA-L40S', memoryMi: 46_068 },
  L4: { product: 'NVIDIA-L4', memoryMi: 23_034 },
  A10: { product: 'NVIDIA-A10', memoryMi: 23_028 },
  T4: { product: 'Tesla-T4', memoryMi: 15_360 },
};

/**
 * Reads `MI300X:8,H100:4`: models with the number of each (8 unless given), one node per entry. `none` stands for no GPU.
 *
 * @throws Error that says what is wrong with the text.
 */
export function parseGpus(text: string): NodeGpus[] {
  if (text.trim().toLowerCase() === 'none') return [];
  return text.split(',').map((part) => {
    const [name = '', count = String(defaultCount), ...rest] = part.trim().split(':');
    const model = name.toUpperCase();
    const resource = resourceOf(model);
    if (resource === undefined) {
      const models = [...gpuModels.map((gpu) => gpu.model), ...Object.keys(nvidiaModels)].join(', ');
      throw new Error(`"${part.trim()}" names no GPU model; use MODEL:COUNT with one of ${models}, or none`);
    }
    if (rest.length > 0 || !/^\d{1,6}$/.test(count) || Number(count) < 1 || Number(count) > mostGpus) {
      throw new Error(`"${part.trim()}": the number of GPUs must be 1 to ${String(mostGpus)}`);
    }
    return { model, capacity: { [resource]: Number(count) } };
  });
}

function resourceOf(model: string): GpuResource | undefined {
  if (gpuModels.some((gpu) => gpu.model === model)) return 'amd.com/gpu';
  return Object.hasOwn(nvidiaModels, model) ? 'nvidia.com/gpu' : undefined;
}

/** `MI300X:8`, as `--gpus` takes it; the number is that of the model's own resource. */
export function gpusText(gpus: readonly NodeGpus[]): string {
  return gpus
    .map(({ model, capacity }) => `${model}:${String(capacity[resourceOf(model) ?? 'amd.com/gpu'] ?? 0)}`)
    .join(',');
}

/** All that a node offers, for people: `10000 amd.com/gpu, 10000 nvidia.com/gpu (MI300X)`. */
export function offerText({ model, capacity }: NodeGpus): string {
  const offers = Object.entries(capacity).map(([resource, count]) => `${String(count)} ${resource}`);
  return `${offers.join(', ')} (${model})`;
}

/** The labels that AMD's node labeller (aim.md 7.6) and NVIDIA's GPU feature discovery write. */
export function gpuLabels({ model, capacity }: NodeGpus): Record<string, string> {
  const labels: Record<string, string> = {};
  const amd = gpuModels.find((candidate) => candidate.model === model);
  if (amd !== undefined) {
    const [deviceId] = amd.deviceIds;
    labels['amd.com/gpu.device-id'] = deviceId;
    labels[`amd.com/gpu.device-id.${deviceId}`] = String(capacity['amd.com/gpu'] ?? 0);
    labels['amd.com/gpu.vram'] = `${String(amd.vramGi)}G`;
  }
  if (capacity['nvidia.com/gpu'] !== undefined) {
    labels['nvidia.com/gpu.present'] = 'true';
    labels['nvidia.com/gpu.count'] = String(capacity['nvidia.com/gpu']);
  }
  const nvidia = nvidiaModels[model];
  if (nvidia !== undefined) {
    labels['nvidia.com/gpu.product'] = nvidia.product;
    labels['nvidia.com/gpu.memory'] = String(nvidia.memoryMi);
  }
  return labels;
}

/** True for labels by which nodes tell of their GPUs. */
export function isGpuLabel(key: string): boolean {
  return /^(beta\.)?(amd|nvidia)\.com\/gpu\./.test(key);
}

/** GPUs that a Pod asks for: those of its containers together, or of the init container that wants most. */
export function gpusOf(pod: Pod, resource: GpuResource): number {
  const wanted = (container: { resources?: { requests?: object; limits?: object } }): number => {
    const { requests = {}, limits = {} } = container.resources ?? {};
    const quantity = quantityOf(requests, resource) ?? quantityOf(limits, resource);
    return quantity === undefined ? 0 : (parseQuantity(quantity) ?? 0);
  };
  const main = pod.spec.containers.reduce((sum, container) => sum + wanted(container), 0);
  return Math.max(main, ...(pod.spec.initContainers ?? []).map(wanted));
}

export function wantsGpus(pod: Pod): boolean {
  return gpuResources.some((resource) => gpusOf(pod, resource) > 0);
}

function quantityOf(resources: object, resource: GpuResource): string | number | undefined {
  const value: unknown = new Map<string, unknown>(Object.entries(resources)).get(resource);
  return typeof value === 'string' || typeof value === 'number' ? value : undefined;
}
