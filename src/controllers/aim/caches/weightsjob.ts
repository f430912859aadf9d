import type { AimDialect } from '../../../kinds/aim/dialect.ts';
import type { EnvVar } from '../../../kinds/core/fields.ts';
import { Job } from '../../../kinds/batch/job.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import { containerVariable } from '../containerenv.ts';
import { sha256 } from '../names.ts';

/** Jobs that measure or download weights, of both generations (aim.md 9, 11.7). */

export interface WeightsJob {
  readonly dialect: AimDialect;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly container: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly EnvVar[];
  readonly imagePullSecrets: readonly { name?: string }[] | undefined;
  /** Claim that is mounted at /cache. */
  readonly claim?: string;
  /** How long the finished Job stays; then what failed is tried again. */
  readonly ttlSeconds: number;
}

export const cacheDirectory = '/cache';
const user = 1000;
const volume = 'cache';

/** Of what is asked of a Job: a failed one that was asked something else is not waited for. */
const hashAnnotation = ({ group }: AimDialect): string => `${group}/request-hash`;

export function weightsJob(request: WeightsJob): Child {
  const { name, namespace, labels, container, image, command, args, env, claim, imagePullSecrets } = request;
  const pod = {
    restartPolicy: 'Never',
    ...(imagePullSecrets === undefined ? {} : { imagePullSecrets: [...imagePullSecrets] }),
    securityContext: { runAsUser: user, runAsGroup: user, fsGroup: user },
    containers: [
      {
        name: container,
        image,
        ...(command === undefined ? {} : { command: [...command] }),
        args: [...args],
        env: env.map(containerVariable),
        ...(claim === undefined ? {} : { volumeMounts: [{ name: volume, mountPath: cacheDirectory }] }),
      },
    ],
    ...(claim === undefined ? {} : { volumes: [{ name: volume, persistentVolumeClaim: { claimName: claim } }] }),
  };
  const annotations = { [hashAnnotation(request.dialect)]: hashOf(request) };
  return child(
    Job,
    {
      metadata: { name, namespace, labels: { ...labels }, annotations },
      spec: {
        backoffLimit: 2,
        ttlSecondsAfterFinished: request.ttlSeconds,
        template: { metadata: { labels: { ...labels } }, spec: pod },
      },
    },
    { owned: true },
  );
}

const hashOf = ({ image, command, args, env, imagePullSecrets }: WeightsJob): string =>
  sha256(JSON.stringify([image, command, args, env, imagePullSecrets])).slice(0, 16);

/** Whether the Job was asked the same. */
export function isSameRequest({ metadata }: Job, request: WeightsJob): boolean {
  return metadata.annotations?.[hashAnnotation(request.dialect)] === hashOf(request);
}
