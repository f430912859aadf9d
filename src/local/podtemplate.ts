import { createHash, randomInt } from 'node:crypto';
import type { PodTemplateSpec } from 'kubernetes-types/core/v1.js';
import type { Kind } from '../kinds/kind.ts';
import type { KubeObject } from '../kinds/object.ts';
import { Pod } from '../kinds/core/pod.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import { ownerReferenceTo } from '../kube/owners.ts';

/** The label by which a Deployment tells the Pods of its ReplicaSets apart. */
export const templateHashLabel = 'pod-template-hash';

/** Letters that Kubernetes makes generated names from: no vowels, so no words (rand.String, SafeEncodeString). */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** Five letters that make the name of a Pod unique. */
export function nameSuffix(): string {
  return Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]).join('');
}

/** Ten letters that name this content. */
export function contentHash(content: unknown): string {
  const digest = createHash('sha256').update(canonicalJson(content)).digest();
  return Array.from(digest.subarray(0, 10), (byte) => alphabet[byte % alphabet.length]).join('');
}

/** True when both templates make the same Pods, whatever hash label they carry. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return canonicalJson(withoutHash(a)) === canonicalJson(withoutHash(b));
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const { [templateHashLabel]: _hash, ...labels } = template?.metadata?.labels ?? {};
  return { labels, annotations: template?.metadata?.annotations ?? {}, spec: template?.spec };
}

/** JSON with the keys of objects in order, so that equal values have equal texts. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** A Pod made from an owner's template; the suffix tells it from others. Names are cut so that they stay valid host names. */
export function podFromTemplate(
  owner: { kind: Kind; object: KubeObject },
  template: PodTemplateSpec | undefined,
  suffix: string,
  labels: Readonly<Record<string, string>> = {},
): Pod {
  const { name, namespace } = owner.object.metadata;
  const spec = template?.spec;
  if (spec === undefined) throw new Error(`${owner.kind.kind} ${name}: spec.template.spec is missing`);
  return {
    apiVersion: apiVersionOf(Pod),
    kind: Pod.kind,
    metadata: {
      name: `${name.slice(0, 57)}-${suffix}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...template?.metadata?.labels, ...labels },
      ...(template?.metadata?.annotations === undefined ? {} : { annotations: template.metadata.annotations }),
      ownerReferences: [ownerReferenceTo(owner.kind, owner.object)],
    },
    spec,
  };
}

/** A Pod that runs, will run or may run: neither ended nor being deleted. */
export function isActive(pod: Pod): boolean {
  const { phase } = pod.status ?? {};
  return phase !== 'Succeeded' && phase !== 'Failed' && pod.metadata.deletionTimestamp === undefined;
}

/** When the Pod became ready, in ms since the epoch; undefined while it is not. */
export function readySince(pod: Pod): number | undefined {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' ? Date.parse(ready.lastTransitionTime ?? '') || 0 : undefined;
}
