import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { ModelList, ServedModel } from '../admin/resources.ts';
import { askAdmin, type AdminFlags } from './admin.ts';
import { table } from './table.ts';

export interface ModelsFlags extends AdminFlags {
  output?: 'json' | 'yaml';
  watch?: boolean;
}

const watchMs = 1_000;

/** Prints what the Gateways of a running `headgate up` serve, and where. */
export async function models(flags: ModelsFlags): Promise<void> {
  let printed: string | undefined;
  for (;;) {
    const served = await servedModels(flags);
    const text = textOf(served, flags);
    if (text !== printed) console.log(text);
    printed = text;
    if (flags.watch !== true) return;
    await delay(watchMs);
  }
}

function textOf(served: readonly ServedModel[], { output }: ModelsFlags): string {
  if (output === 'json') return JSON.stringify(served, undefined, 2);
  if (output === 'yaml') return stringify(served, { lineWidth: 0 }).trimEnd();
  return served.length === 0 ? 'No models are served.' : describe(served);
}

export async function servedModels(flags: AdminFlags): Promise<readonly ServedModel[]> {
  // Our own server, of our own version.
  return ((await askAdmin(flags, 'models')) as ModelList).items;
}

function describe(served: readonly ServedModel[]): string {
  const rows = served.map(({ model = '?', source, endpoints, gateway, url = '-', host }) => [
    model,
    `${source.kind} ${source.namespace}/${source.name}`,
    endpoints,
    gateway,
    host === undefined ? url : `${url} (Host: ${host})`,
  ]);
  return table(['MODEL', 'SOURCE', 'ENDPOINTS', 'GATEWAY', 'URL'], rows);
}
