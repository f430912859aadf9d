import type { Kind } from '../kinds/kind.ts';
import { createToken } from './auth/tokenrequest.ts';
import { resourceId } from './resources.ts';
import type { ResourceRequest, Server } from './verbs/context.ts';
import { readPodLog } from './verbs/logs.ts';

/** A subresource that one kind alone has; `status` and `scale` are declared by the kinds. */
export interface Subresource {
  name: string;
  /** The kind of its bodies where that is another one, for discovery. */
  response?: { group: string; version: string; kind: string };
  verbs: readonly string[];
  method: 'GET' | 'POST';
  answer(server: Server, request: ResourceRequest): Promise<void>;
}

const subresources: Readonly<Record<string, readonly Subresource[]>> = {
  '/pods': [{ name: 'log', verbs: ['get'], method: 'GET', answer: readPodLog }],
  '/serviceaccounts': [
    {
      name: 'token',
      response: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
      verbs: ['create'],
      method: 'POST',
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
