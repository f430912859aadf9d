import type { ImageMetadata } from '../../kinds/aim/imagemetadata.ts';
import { gpuModels } from '../../kinds/aim/gpumodels.ts';
import { isAimImage } from '../../kinds/aim/images.ts';
import { modelOfImage } from './models.ts';

/** The GPU that every simulated image has profiles for. */
const commonGpu = 'MI300X';

/**
 * What the labels of an AIM image would say, for images that the embedded node simulates: no registry is asked for them. Each
 * has profiles of precision fp16 for latency and for throughput, for the AMD GPUs that the nodes have and for MI300X.
 *
 * @returns undefined for other images.
 */
export function simulatedImageMetadata(image: string, nodeGpus: readonly string[] = []): ImageMetadata | undefined {
  if (!isAimImage(image)) return undefined;
  const name = modelOfImage(image);
  const amd = nodeGpus.filter((name) => gpuModels.some(({ model }) => model === name));
  const recommendedDeployments = [...new Set([...amd, commonGpu])].flatMap((gpuModel) =>
    ['latency', 'throughput'].map((metric) => ({
      gpuModel,
      gpuCount: 1,
      precision: 'fp16',
      metric,
      description: `Simulated: optimized for ${metric} on ${gpuModel}`,
    })),
  );
  return {
    model: {
      canonicalName: name,
      source: `https://huggingface.co/${name}`,
      tags: ['text-generation', 'chat'],
      title: name.slice(name.indexOf('/') + 1),
      descriptionFull: `${name}, simulated by the embedded node.`,
      hfTokenRequired: false,
      recommendedDeployments,
    },
    oci: { title: image, description: 'Simulated by the embedded node; nothing was read from a registry.' },
    originalLabels: { 'headgate.dev/simulated': 'true' },
  };
}
