import { Job } from '../../../kinds/batch/job.ts';
import type { AimDialect } from '../../../kinds/aim/dialect.ts';
import type { EnvVar } from '../../../kinds/core/fields.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import { containerVariable } from '../containerenv.ts';
import { componentLabel, managedByLabel, nameLabel } from '../labels.ts';
import { discoveryJobName } from '../names.ts';

/** The Job that asks an image what it would run (aim.md 7.4). */

export interface DiscoveryRequest {
  readonly dialect: AimDialect;
  readonly template: string;
  /** Where the Job runs. */
  readonly namespace: string;
  readonly model: string;
  readonly image: string;
  readonly serviceAccountName?: string | undefined;
  readonly imagePullSecrets?: readonly { name?: string }[] | undefined;
  readonly env?: readonly EnvVar[] | undefined;
  readonly metric?: string | undefined;
  readonly precision?: string | undefined;
  readonly gpu?: { readonly model?: string | undefined; readonly requests?: number | undefined } | undefined;
  readonly profileId?: string | undefined;
  readonly backoffLimit: number;
}

export const discoveryContainer = 'discovery';
export const discoveryApp = 'aim-discovery';
export const appLabel = 'app.kubernetes.io/name';

/** A finished Job is kept so long for people to look at. */
const ttlSeconds = 60;

export function nameOfDiscoveryJob(request: DiscoveryRequest): string {
  const { template, model, image, env, metric, precision, gpu, profileId } = request;
  return discoveryJobName({
    template,
    model,
    image,
    serviceAccount: request.serviceAccountName,
    env,
    pullSecrets: request.imagePullSecrets?.map(({ name = '' }) => name),
    metric,
    precision,
    gpu,
    profileId,
  });
}

/** Everything that the answer depends on is in the name: another question is another Job. */
export function discoveryJob(request: DiscoveryRequest): Child {
  const { dialect, template, namespace, image, serviceAccountName, imagePullSecrets } = request;
  const templateLabel = { [`${dialect.group}/template`]: nameLabel(template) };
  const labels = {
    [appLabel]: discoveryApp,
    [componentLabel]: 'discovery',
    [managedByLabel]: 'aim-controller',
    ...templateLabel,
  };
  const pod = {
    restartPolicy: 'Never',
    ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    ...(imagePullSecrets === undefined ? {} : { imagePullSecrets: [...imagePullSecrets] }),
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: discoveryContainer,
        image,
        args: ['dry-run', '--format=json'],
        env: discoveryEnv(request).map(containerVariable),
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  };
  return child(
    Job,
    {
      metadata: { name: nameOfDiscoveryJob(request), namespace, labels },
      spec: {
        backoffLimit: request.backoffLimit,
        ttlSecondsAfterFinished: ttlSeconds,
        template: { metadata: { labels }, spec: pod },
      },
    },
    { owned: true },
  );
}

/** Only its answer may be on the output, so the image is told to log nothing else. */
function discoveryEnv({ env = [], metric, precision, gpu, profileId }: DiscoveryRequest): EnvVar[] {
  const asked: [string, string | undefined][] = [
    ['AIM_METRIC', metric],
    ['AIM_PRECISION', precision],
    ['AIM_GPU_MODEL', gpu?.model],
    ['AIM_GPU_COUNT', (gpu?.requests ?? 0) > 0 ? String(gpu?.requests) : undefined],
    ['AIM_PROFILE_ID', profileId],
  ];
  const variables: EnvVar[] = [
    { name: 'AIM_LOG_LEVEL_ROOT', value: 'CRITICAL' },
    { name: 'AIM_LOG_LEVEL', value: 'CRITICAL' },
    ...env,
    ...asked.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [{ name, value }])),
  ];
  // A list of a Job may hold a name only once when it is applied (trap 15): the last one counts, as it would in the pod.
  return variables.filter(({ name }, i) => variables.findLastIndex((other) => other.name === name) === i);
}
