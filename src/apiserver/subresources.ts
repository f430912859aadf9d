import type { Kind } from '../kinds/kind.ts';
import { createToken } from './auth/tokenrequest.ts';
import { bindPod } from './podaccess/binding.ts';
import { evictPod } from './podaccess/eviction.ts';
import { proxyRequest } from './proxy/proxy.ts';
import { resourceId } from './resources.ts';
import { badRequest } from './status.ts';
import type { ResourceRequest, Server } from './verbs/context.ts';
import { readPodLog } from './verbs/logs.ts';
import { getObject } from './verbs/read.ts';
import { patchObject, updateObject } from './verbs/write.ts';

/** A subresource that one kind alone has; `status` and `scale` are declared by the kinds. */
export interface Subresource {
  name: string;
  /** The kind of its bodies where that is another one, for discovery. */
  response?: { group: string; version: string; kind: string };
  verbs: readonly string[];
  methods: readonly string[];
  answer(server: Server, request: ResourceRequest): Promise<void>;
}

/** What pods/exec and its like are to requests that do not ask to be upgraded (podaccess/connect.ts takes those that do). */
function connection(name: string, kind: string): Subresource {
  const response = { group: '', version: 'v1', kind };
  const answer = () => Promise.reject(badRequest(`Upgrade request required: pods/${name} is a WebSocket connection`));
  return { name, response, verbs: ['create', 'get'], methods: ['GET', 'POST'], answer };
}

/** How `kubectl certificate approve` gives its verdict. */
async function approval(server: Server, request: ResourceRequest): Promise<void> {
  if (request.method === 'GET') getObject(server, request);
  else if (request.method === 'PUT') await updateObject(server, request);
  else await patchObject(server, request);
}

function proxy(kind: string): Subresource {
  return {
    name: 'proxy',
    response: { group: '', version: 'v1', kind },
    verbs: ['create', 'delete', 'get', 'patch', 'update'],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    answer: proxyRequest,
  };
}

const subresources: Readonly<Record<string, readonly Subresource[]>> = {
  '/pods': [
    { name: 'log', verbs: ['get'], methods: ['GET'], answer: readPodLog },
    proxy('PodProxyOptions'),
    connection('exec', 'PodExecOptions'),
    connection('attach', 'PodAttachOptions'),
    connection('portforward', 'PodPortForwardOptions'),
    {
      name: 'binding',
      response: { group: '', version: 'v1', kind: 'Binding' },
      verbs: ['create'],
      methods: ['POST'],
      answer: bindPod,
    },
    {
      name: 'eviction',
      response: { group: 'policy', version: 'v1', kind: 'Eviction' },
      verbs: ['create'],
      methods: ['POST'],
      answer: evictPod,
    },
  ],
  '/services': [proxy('ServiceProxyOptions')],
  '/nodes': [proxy('NodeProxyOptions')],
  'certificates.k8s.io/certificatesigningrequests': [
    { name: 'approval', verbs: ['get', 'patch', 'update'], methods: ['GET', 'PUT', 'PATCH'], answer: approval },
  ],
  '/serviceaccounts': [
    {
      name: 'token',
      response: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
      verbs: ['create'],
      methods: ['POST'],
      answer: createToken,
    },
  ],
};

export function subresourcesOf(kind: Kind): readonly Subresource[] {
  return subresources[resourceId(kind)] ?? [];
}

export function subresourceOf(kind: Kind, name: string | undefined): Subresource | undefined {
  return subresourcesOf(kind).find((one) => one.name === name);
}
