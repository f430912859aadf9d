import type { AirunwaySettings } from '../../controllers/airunway/settings.ts';
import { kinds } from '../../kinds/airunway/index.ts';
import { AirunwayModelDeployment, ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import type { Kind } from '../../kinds/kind.ts';
import type { Catalog } from '../../local/catalog.ts';
import { createControllerEnvironment } from '../../reconcile/pass.ts';
import { createPartLog } from '../partlog.ts';
import { airunwayImage, ensureAirunwayPod } from './airunwaypod.ts';
import type { DeclaredKind, Family } from './family.ts';
import { firstOf } from './modelname.ts';

/** KubeAIRunway, under both its names. */

const deployment = (kind: Kind<ModelDeployment>): DeclaredKind<ModelDeployment> => ({
  kind,
  // It runs when its provider says so; whether a Gateway offers it is for its route to say.
  pending: ({ metadata, status }) => {
    if (status?.phase === 'Running' && (status.observedGeneration ?? 0) >= (metadata.generation ?? 0)) return undefined;
    return `${status?.phase ?? 'Pending'}: ${status?.message ?? 'waiting for its controller'}`;
  },
  modelOf: ({ spec, status }) => {
    const { id, servedName } = spec.model;
    return status?.gateway?.modelName ?? firstOf(servedName, id);
  },
});

export const airunway = (settings: AirunwaySettings): Family => ({
  name: 'airunway',
  kinds,
  declared: [deployment(ModelDeployment), deployment(AirunwayModelDeployment)],
  pickerServices: [settings.picker.serviceName],
  createPart: (log) => ({ image: airunwayImage, ...createPartLog(log), ensure: ensureAirunwayPod }),
  start: async ({ client, informers, log, version, node }) => {
    const { startAirunway } = await import('../../controllers/airunway/start.ts');
    return startAirunway({
      environment: createControllerEnvironment({ client, informers, log }),
      settings,
      version,
      ...(node && { withoutGpus: providersWithoutGpus(node.catalog) }),
    });
  },
});

/** Providers whose servers need no GPUs here: a simulation of the image of vLLM, or a model of the user's in its place. */
function providersWithoutGpus(catalog: Catalog): ReadonlySet<string> {
  const program = catalog.find('vllm/vllm-openai');
  const needsNone = program === 'simulator' || (typeof program === 'object' && 'gguf' in program);
  return new Set(needsNone ? ['vllm'] : []);
}
