import type { SimulatorConfig } from './flags.ts';
import { HttpError } from '../llm/server/http.ts';

/** The names that the simulator answers to: the base model's and those of the LoRA adapters that are loaded. */
export interface ServedModels {
  /** @throws HttpError 404 for a name that is not served */
  resolve(name: string): ServedModel;
  list(): ModelEntry[];
  /** @throws HttpError 400 when the adapter is loaded already or there is no room for it */
  loadLora(name: string, path: string): void;
  /** @throws HttpError 404 when it is not loaded */
  unloadLora(name: string): void;
}

export interface ServedModel {
  /** What the answer carries as `model`. */
  name: string;
  lora: string | undefined;
}

export interface ModelEntry {
  id: string;
  object: 'model';
  created: number;
  owned_by: string;
  root: string;
  parent: string | null;
  max_model_len: number | null;
}

export function createServedModels(config: SimulatorConfig, created: number): ServedModels {
  const loras = new Map(config.loras.map(({ name, path }) => [name, path]));
  const [reported] = config.servedNames;
  return {
    resolve(name) {
      if (loras.has(name)) return { name, lora: name };
      if (config.servedNames.includes(name)) return { name: reported, lora: undefined };
      throw new HttpError(404, `The model \`${name}\` does not exist.`);
    },
    list() {
      const entry = { object: 'model', created, owned_by: 'headgate-simulator' } as const;
      return [
        ...config.servedNames.map((id) => ({
          ...entry,
          id,
          root: config.model,
          parent: null,
          max_model_len: config.maxModelLen,
        })),
        ...[...loras].map(([id, path]) => ({ ...entry, id, root: path, parent: reported, max_model_len: null })),
      ];
    },
    loadLora(name, path) {
      if (loras.has(name) || config.servedNames.includes(name)) {
        throw new HttpError(400, `The lora adapter '${name}' has already been loaded.`);
      }
      if (loras.size >= config.maxCpuLoras) {
        throw new HttpError(400, `No room for adapter '${name}': --max-cpu-loras is ${String(config.maxCpuLoras)}.`);
      }
      loras.set(name, path);
    },
    unloadLora(name) {
      if (!loras.delete(name)) throw new HttpError(404, `The lora adapter '${name}' cannot be found.`);
    },
  };
}
