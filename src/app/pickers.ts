import { InferenceModelRewrite } from '../kinds/inference/inferencemodelrewrite.ts';
import { InferenceObjective } from '../kinds/inference/inferenceobjective.ts';
import type { InformerCache } from '../kube/informer.ts';
import type { Catalog } from '../local/catalog.ts';
import { parseConfig } from '../picker/config/parse.ts';
import type { Picker } from '../picker/picker.ts';
import type { PickerKnowledge } from '../routing/resources.ts';
import type { Endpoint, Pool } from '../routes/table.ts';

/** Configurations of which it is remembered whether they are right: every table asks again. */
const maxRemembered = 256;

/** The endpoint pickers that are ours: images for which the node runs `headgate epp`. */
export function pickerKnowledge(catalog: Catalog, standIns: ReadonlySet<string>): PickerKnowledge {
  const problems = new Map<string, string | undefined>();
  return {
    standIns,
    isOwn: (image) => catalog.find(image) === 'epp',
    problem: (config) => {
      if (!problems.has(config)) {
        if (problems.size >= maxRemembered) problems.clear();
        problems.set(config, problemOf(config));
      }
      return problems.get(config);
    },
  };
}

function problemOf(config: string): string | undefined {
  try {
    parseConfig(config);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Tells the picker of the pools for which it decides: endpoints and configurations. */
export function updatePicker(picker: Picker, pools: readonly Pool[]): void {
  const ours = new Map<string, readonly Endpoint[]>();
  const configs = new Map<string, string>();
  for (const { key, endpoints, picker: decides = { type: 'inProcess', config: '' } } of pools) {
    if (decides.type !== 'inProcess') continue;
    ours.set(key, endpoints);
    configs.set(key, decides.config);
  }
  picker.update(ours, configs);
}

/** Keeps the picker's objectives and rewrites as the API has them; returns how to stop that. */
export function followObjects(informers: InformerCache, picker: Picker): () => void {
  const objectives = informers.informer(InferenceObjective);
  const rewrites = informers.informer(InferenceModelRewrite);
  const apply = (): void => {
    picker.applyObjects(objectives.list(), rewrites.list());
  };
  const stops = [objectives.onChange(apply), rewrites.onChange(apply)];
  return () => {
    for (const stop of stops) stop();
  };
}
