import type { NodeAffinity } from 'kubernetes-types/core/v1.js';
import { gpuModels } from '../../../kinds/aim/gpumodels.ts';
import type { Node } from '../../../kinds/core/node.ts';
import { parseQuantity } from '../../../kinds/quantity.ts';

/** Which AMD GPUs the nodes have, read from the labels that AMD's node labeller writes (aim.md 7.6). */

const gi = 1024 ** 3;

const byModel = new Map(gpuModels.map((gpu) => [gpu.model, gpu]));
const byDeviceId = new Map(gpuModels.flatMap((gpu) => gpu.deviceIds.map((id) => [id, gpu])));

export interface DetectedGpu {
  /** Normalised model name, such as `MI300X`. */
  readonly model: string;
  /** Memory of one GPU; 0 when neither a label nor the table tells. */
  readonly vramBytes: number;
}

const modelToken = /^(MI|ME|RX|RTX|GTX|A|H|L|T|V|K|P|QUADRO|TESLA|GRID)?[A-Z]*[0-9]+[A-Z0-9]*$/;

/** The model name out of the ways people and labels write it: `AMD Instinct MI300X OAM` is MI300X (aim.md 7.6). */
export function normaliseGpuModel(text: string): string {
  const tokens = text
    .trim()
    .toUpperCase()
    .replaceAll('_', '-')
    .split(/[- /:]/)
    .filter((token) => token !== '' && token !== 'AMD' && token !== 'INSTINCT')
    .map((token) => token.replace(/^INSTINCT/, ''));
  return tokens.find((token) => modelToken.test(token)) ?? tokens[0] ?? '';
}

/** The GPU models of the nodes, sorted by name; the first node (by name) of a model decides its memory. */
export function detectGpus(nodes: readonly Node[]): DetectedGpu[] {
  const found = new Map<string, DetectedGpu>();
  const sorted = nodes.toSorted((a, b) => compareText(a.metadata.name, b.metadata.name));
  for (const { metadata } of sorted) {
    const gpu = gpuOfLabels(metadata.labels ?? {});
    if (gpu !== undefined && !found.has(gpu.model)) found.set(gpu.model, gpu);
  }
  return [...found.values()].toSorted((a, b) => compareText(a.model, b.model));
}

type Labels = Readonly<Record<string, string>>;

/** True when a change of a Node's labels can change what `detectGpus` says. */
export function sameGpuLabels(a: Labels | undefined, b: Labels | undefined): boolean {
  const text = (labels: Labels = {}): string =>
    JSON.stringify(
      Object.entries(labels)
        .filter(([key]) => /^(beta\.)?amd\.com\/gpu\./.test(key))
        .toSorted(([x], [y]) => compareText(x, y)),
    );
  return text(a) === text(b);
}

function gpuOfLabels(labels: Labels): DetectedGpu | undefined {
  const model = modelOfLabels(labels);
  if (model === undefined || model === '') return undefined;
  const label = labels['amd.com/gpu.vram'] ?? labels['beta.amd.com/gpu.vram'];
  const vramBytes = label === undefined ? (byModel.get(model)?.vramGi ?? 0) * gi : bytesOfVramLabel(label);
  return { model, vramBytes };
}

function modelOfLabels(labels: Labels): string | undefined {
  const deviceId = gpuLabel(labels, 'device-id');
  if (deviceId !== undefined) return modelOfDeviceId(deviceId);
  const family = gpuLabel(labels, 'family');
  return family === undefined ? undefined : normaliseGpuModel(family);
}

/** `amd.com/gpu.NAME=VALUE`, then `beta.`; else the VALUE of `amd.com/gpu.NAME.VALUE=COUNT` with a count. */
function gpuLabel(labels: Labels, name: string): string | undefined {
  const keys = [`amd.com/gpu.${name}`, `beta.amd.com/gpu.${name}`];
  for (const key of keys) if (labels[key] !== undefined && labels[key] !== '') return labels[key];
  for (const key of keys) {
    const counted = Object.entries(labels)
      .filter(([label, count]) => label.startsWith(`${key}.`) && count !== '' && count !== '0')
      .map(([label]) => label.slice(key.length + 1))
      .toSorted(compareText)[0];
    if (counted !== undefined) return counted;
  }
  return undefined;
}

function modelOfDeviceId(text: string): string {
  const id = text.toLowerCase().replace(/^0x/, '');
  return byDeviceId.get(id)?.model ?? `AMD-${id.toUpperCase()}`;
}

/** The labeller writes `192G` for 192 GiB (trap 13); plain digits are bytes, anything else is no memory at all. */
function bytesOfVramLabel(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([GT])?$/i.exec(text.trim());
  if (match === null) return 0;
  const unit = match[2]?.toUpperCase();
  return Number(match[1]) * (unit === 'T' ? 1024 * gi : unit === 'G' ? gi : 1);
}

/** What a template asks of the GPUs, as its spec has it. */
export interface GpuDemand {
  readonly requests?: number | undefined;
  readonly model?: string | undefined;
  readonly minVram?: string | number | undefined;
}

/** A minimum of memory alone asks for no GPU (aim.md 7.3). */
export function needsGpu(gpu: GpuDemand | undefined): boolean {
  return (gpu?.requests ?? 0) > 0 || (gpu?.model ?? '') !== '';
}

export type GpuVerdict =
  | { readonly available: true; readonly message: string }
  | { readonly available: false; readonly reason: 'GPUNotAvailable' | 'VRAMNotAvailable'; readonly message: string };

/** Whether the cluster has what a template asks for (aim.md 7.6). */
export function checkGpus(demand: GpuDemand, detected: readonly DetectedGpu[]): GpuVerdict {
  const has = detected.length === 0 ? 'no node has an AMD GPU label' : `the nodes have ${namesOf(detected)}`;
  const minVram = minimumVram(demand);
  if (minVram !== undefined && !detected.some(({ vramBytes }) => vramBytes >= minVram)) {
    return {
      available: false,
      reason: 'VRAMNotAvailable',
      message: `no GPU has ${String(demand.minVram)} of memory: ${has}; add a node with such GPUs or lower hardware.gpu.minVram`,
    };
  }
  const model = demand.model === undefined ? '' : normaliseGpuModel(demand.model);
  const present = model === '' ? detected.length > 0 : hasGpuModel(detected, model);
  if (present) return { available: true, message: model === '' ? 'GPUs are available' : `GPU ${model} is available` };
  const wanted = model === '' ? 'a GPU' : `GPU ${model}`;
  return {
    available: false,
    reason: 'GPUNotAvailable',
    message: `${wanted} is not in the cluster: ${has}; add such a node, or check the amd.com/gpu.device-id labels of the nodes`,
  };
}

/** Whether a GPU of this model is among the detected ones, however the model is written. */
export function hasGpuModel(detected: readonly DetectedGpu[], model: string): boolean {
  return detected.some((gpu) => normaliseGpuModel(gpu.model) === normaliseGpuModel(model));
}

function namesOf(detected: readonly DetectedGpu[]): string {
  return detected.map(({ model }) => model).join(', ');
}

function minimumVram({ minVram }: GpuDemand): number | undefined {
  return minVram === undefined ? undefined : parseQuantity(minVram);
}

/**
 * Where pods of a template may run: on nodes with a device of the model, or with any detected model of enough memory
 * (aim.md 7.6; ids sorted, trap 10). Undefined where every node will do.
 */
export function nodeAffinityFor(demand: GpuDemand, detected: readonly DetectedGpu[]): NodeAffinity | undefined {
  const models = wantedModels(demand, detected);
  const ids = models.flatMap((model) => byModel.get(model)?.deviceIds ?? unknownDeviceId(model)).toSorted(compareText);
  if (ids.length === 0) return undefined;
  return {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: 'amd.com/gpu.device-id', operator: 'In', values: ids } as const] },
      ],
    },
  };
}

function wantedModels(demand: GpuDemand, detected: readonly DetectedGpu[]): string[] {
  if (demand.model !== undefined && demand.model !== '') {
    const wanted = normaliseGpuModel(demand.model);
    return [detected.find(({ model }) => normaliseGpuModel(model) === wanted)?.model ?? wanted];
  }
  const minVram = minimumVram(demand);
  if (minVram === undefined) return [];
  return detected.filter(({ vramBytes }) => vramBytes >= minVram).map(({ model }) => model);
}

/** `AMD-1234` is what an unknown device id 1234 is called. */
function unknownDeviceId(model: string): string[] {
  return /^AMD-[0-9A-F]+$/.test(model) ? [model.slice(4).toLowerCase()] : [];
}

/** One line for `kubectl get`: `2 x MI300X`, `2 x GPU`, `MI300X`, `CPU`, or nothing. */
export function hardwareSummary(
  hardware: { gpu?: GpuDemand | undefined; cpu?: unknown } | undefined,
): string | undefined {
  const { requests = 0, model = '' } = hardware?.gpu ?? {};
  if (requests > 0) return `${String(requests)} x ${model === '' ? 'GPU' : model}`;
  if (model !== '') return model;
  return hardware?.cpu === undefined ? undefined : 'CPU';
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
