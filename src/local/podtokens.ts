import type { ServiceAccountTokenProjection } from 'kubernetes-types/core/v1.js';
import { ServiceAccount } from '../kinds/core/serviceaccount.ts';
import type { Pod } from '../kinds/core/pod.ts';
import type { KubeClient } from '../kube/client.ts';

/** Gets the tokens that Pods find in their volumes. */
export interface PodTokens {
  /** The token for one projection; the same one until it is to be renewed. */
  get(pod: Pod, projection: ServiceAccountTokenProjection): Promise<string>;
  /** When the first of a Pod's tokens is to be renewed, in ms since the epoch; undefined when it has none. */
  renewAt(podUid: string): number | undefined;
  /** Forgets the tokens of a Pod that is gone; the API no longer accepts them. */
  forget(podUid: string): void;
}

interface PodToken {
  token: string;
  renewAt: number;
}

interface TokenRequest {
  status?: { token?: string; expirationTimestamp?: string };
}

/** As kubelet does: renewed after 80 % of its life, or a day. */
const renewAfter = 0.8;
const maxAgeMs = 24 * 3600_000;
const defaultSeconds = 3600;

export function createPodTokens(client: KubeClient): PodTokens {
  const known = new Map<string, Map<string, PodToken>>();

  const request = async (
    pod: Pod,
    { audience, expirationSeconds }: ServiceAccountTokenProjection,
  ): Promise<PodToken> => {
    const { name, namespace, uid } = pod.metadata;
    const account = { namespace, name: pod.spec.serviceAccountName ?? 'default' };
    const asked = Date.now();
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: audience === undefined ? [] : [audience],
        expirationSeconds: expirationSeconds ?? defaultSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const { status } = await client.createBelow<TokenRequest>(ServiceAccount, account, 'token', body);
    const expires = Date.parse(status?.expirationTimestamp ?? '');
    if (status?.token === undefined || Number.isNaN(expires)) throw new Error('the API answered without a token');
    return { token: status.token, renewAt: asked + Math.min((expires - asked) * renewAfter, maxAgeMs) };
  };

  return {
    async get(pod, projection) {
      const uid = pod.metadata.uid ?? '';
      const id = JSON.stringify([projection.audience, projection.expirationSeconds]);
      const cached = known.get(uid)?.get(id);
      if (cached !== undefined && cached.renewAt > Date.now()) return cached.token;
      const fresh = await request(pod, projection);
      const tokens = known.get(uid) ?? new Map<string, PodToken>();
      known.set(uid, tokens.set(id, fresh));
      return fresh.token;
    },
    renewAt: (podUid) => {
      const times = [...(known.get(podUid)?.values() ?? [])].map(({ renewAt }) => renewAt);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    forget: (podUid) => {
      known.delete(podUid);
    },
  };
}
