import { keyOf } from '../../kinds/object.ts';
import { listAt, stringAt } from '../json.ts';
import type { PodLogRequest } from '../podlogs.ts';
import { ApiError, badRequest, notFound } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import { nameOf, refOf, type ResourceRequest, type Server } from './context.ts';

/** `pods/{name}/log` */
export async function readPodLog(server: Server, request: ResourceRequest): Promise<void> {
  const { served, resource, query, response } = request;
  const pod = nameOf(request);
  const stored = server.store.get(served.id, keyOf(refOf(request)));
  if (stored === undefined) throw notFound(served.kind, pod);
  if (server.podLogs === undefined)
    throw new ApiError(501, 'NotImplemented', 'no node is running: there are no logs to read');
  const aborted = new AbortController();
  response.on('close', () => {
    aborted.abort();
  });
  const options: PodLogRequest = {
    namespace: resource.namespace ?? '',
    pod,
    container: containerOf(stored, query.get('container') ?? ''),
    follow: query.get('follow') === 'true',
    previous: query.get('previous') === 'true',
    timestamps: query.get('timestamps') === 'true',
    ...numberOption(query, 'tailLines'),
    ...numberOption(query, 'sinceSeconds'),
    ...numberOption(query, 'limitBytes'),
    ...(query.has('sinceTime') && { sinceTime: query.get('sinceTime') ?? '' }),
    signal: aborted.signal,
  };
  const chunks = await server.podLogs.read(options);
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  try {
    for await (const chunk of chunks) {
      if (!response.write(chunk)) await drained(response);
      if (aborted.signal.aborted) return;
    }
    response.end();
  } catch (error) {
    if (!aborted.signal.aborted) throw error;
  }
}

async function drained(response: ResourceRequest['response']): Promise<void> {
  if (response.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

/** The container that is asked for, or the only one. */
export function containerOf(pod: StoredObject, wanted: string): string {
  const { name } = pod.metadata;
  const names = (field: string) => listAt(pod, 'spec', field).map((container) => stringAt(container, 'name') ?? '');
  const all = [...names('containers'), ...names('initContainers')];
  if (wanted !== '') {
    if (all.includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${name}`);
  }
  const [only, ...others] = all;
  if (only !== undefined && others.length === 0) return only;
  const init =
    names('initContainers').length === 0
      ? ''
      : ` or one of the init containers: [${names('initContainers').join(' ')}]`;
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${names('containers').join(' ')}]${init}`,
  );
}

function numberOption<K extends 'tailLines' | 'sinceSeconds' | 'limitBytes'>(
  query: URLSearchParams,
  name: K,
): Partial<Record<K, number>> {
  const text = query.get(name);
  if (text === null || text === '') return {};
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw badRequest(`${name}: Invalid value: ${text}: must be greater than or equal to 0`);
  const option: Partial<Record<K, number>> = {};
  option[name] = value;
  return option;
}
