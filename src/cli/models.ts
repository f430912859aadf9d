import type { ListedModel } from '../app/modellist.ts';
import { askAdmin, type AdminFlags } from './admin.ts';
import { table } from './table.ts';

export interface ModelsFlags extends AdminFlags {
  output?: 'json';
}

/** Prints what the Gateways of a running `headgate up` serve, and where. */
export async function models(flags: ModelsFlags): Promise<void> {
  const served = await servedModels(flags);
  if (flags.output === 'json') console.log(JSON.stringify(served, undefined, 2));
  else console.log(served.length === 0 ? 'No models are served.' : describe(served));
}

export async function servedModels(flags: AdminFlags): Promise<readonly ListedModel[]> {
  // Our own server, of our own version: its answer is what listModels returns.
  const { models: served } = (await askAdmin(flags, '/debug/models')) as { models: readonly ListedModel[] };
  return served;
}

function describe(served: readonly ListedModel[]): string {
  const rows = served.map(({ model = '?', source, endpoints, gateway, url = '-', host }) => [
    model,
    `${source.kind} ${source.namespace}/${source.name}`,
    endpoints,
    gateway,
    host === undefined ? url : `${url} (Host: ${host})`,
  ]);
  return table(['MODEL', 'SOURCE', 'ENDPOINTS', 'GATEWAY', 'URL'], rows);
}
