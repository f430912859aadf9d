import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { Secret } from '../kinds/core/secret.ts';
import type { KubeObject } from '../kinds/object.ts';
import { onceEach } from './onceeach.ts';
import { certificatesIn } from './pem.ts';

/** As much of a Secret as routing may know, and tables, conditions and explanations may show: no value but public certificates. */
export interface SecretSummary extends KubeObject {
  readonly keys: readonly string[];
  /** The entry ca.crt. */
  readonly authorities?: string;
  /** Why it is no certificate with its key (kubernetes.io/tls). */
  readonly pairProblem?: string;
}

export const summariesOf = onceEach((secrets: readonly Secret[]): readonly SecretSummary[] => secrets.map(summaryOf));

export const summaryOf = onceEach(({ metadata, data = {} }: Secret): SecretSummary => {
  const text = (key: string): string | undefined =>
    data[key] === undefined ? undefined : Buffer.from(data[key], 'base64').toString();
  const authorities = text('ca.crt');
  const pairProblem = problemOfPair(text('tls.crt'), text('tls.key'));
  const { name, namespace, resourceVersion } = metadata;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    // Annotations may hold a copy of all values.
    metadata: { name, ...(namespace && { namespace }), ...(resourceVersion && { resourceVersion }) },
    keys: Object.keys(data).sort(),
    ...(authorities === undefined ? {} : { authorities }),
    ...(pairProblem === undefined ? {} : { pairProblem }),
  };
});

function problemOfPair(certificate: string | undefined, key: string | undefined): string | undefined {
  if (certificate === undefined || key === undefined) return 'it has no tls.crt and tls.key';
  const [first] = certificatesIn(certificate);
  if (first === undefined) return 'its tls.crt is no certificate in PEM';
  try {
    if (!new X509Certificate(first).checkPrivateKey(createPrivateKey(key)))
      return 'its tls.key is not the key of its tls.crt';
  } catch {
    return 'its tls.key is no private key in PEM';
  }
  return undefined;
}
