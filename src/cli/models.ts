import { stringify } from 'yaml';
import type { ModelList, ServedModel } from '../admin/resources.ts';
import { askAdmin, type AdminFlags } from './admin.ts';
import { table } from './table.ts';

export interface ModelsFlags extends AdminFlags {
  output?: 'json' | 'yaml';
}

/** Prints what the Gateways of a running `headgate up` serve, and where. */
export async function models(flags: ModelsFlags): Promise<void> {
  const served = await servedModels(flags);
  if (flags.output === 'json') console.log(JSON.stringify(served, undefined, 2));
  else if (flags.output === 'yaml') process.stdout.write(stringify(served, { lineWidth: 0 }));
  else console.log(served.length === 0 ? 'No models are served.' : describe(served));
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
