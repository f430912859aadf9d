import { Deployment } from '../../../kinds/apps/deployment.ts';
import { PersistentVolumeClaim } from '../../../kinds/core/persistentvolumeclaim.ts';
import { Service } from '../../../kinds/core/service.ts';
import { keyIn } from '../../../kinds/airunway/dialect.ts';
import { modeOf } from '../../../kinds/airunway/admission.ts';
import { imageOf, translateDeployment } from './deployment.ts';
import { isManaged } from '../../../kinds/airunway/storage.ts';
import { engineFlags, refuseListening, servedNames, serverEnv } from './engineflags.ts';
import type { Made, Provider, ServedModel } from './provider.ts';

/**
 * vLLM without an operator: a Deployment and a Service (airunway.md 5.7). The image is used as it is asked for: its tag is not
 * resolved to a digest, which would need the registry at every change.
 */

const defaultImage = 'vllm/vllm-openai:latest';
const port = 8000;

export const vllm: Provider = {
  name: 'vllm',
  engines: [{ name: 'vllm', servingModes: ['aggregated'], gpuSupport: true, cpuSupport: false, requiresCRD: false }],
  // Needs nothing installed: taken before others that nothing speaks for, and after all that something does.
  rules: [{ condition: 'true', priority: 1 }],
  documentation: 'https://docs.vllm.ai',
  kind: Deployment,
  others: [Service, PersistentVolumeClaim],
  incompatible: ({ deployment: { spec }, engine }) => {
    if (engine !== 'vllm') return `Direct vLLM only supports the vllm engine, got ${engine}`;
    if (modeOf(spec) !== 'aggregated') return 'Direct vLLM does not support disaggregated mode';
    return undefined;
  },
  transform: (served) => {
    refuseListening(served);
    return [deploymentOf(served), serviceOf(served), ...claimsOf(served)];
  },
  translate: (object) => translateDeployment(object, { service: object.metadata.name, port }),
};

function selectorOf({ deployment, dialect }: ServedModel): Record<string, string> {
  return { [keyIn(dialect, 'model-deployment')]: deployment.metadata.name };
}

function deploymentOf(served: ServedModel): Made {
  const { deployment, dialect, engine } = served;
  const { name } = deployment.metadata;
  const { podTemplate, nodeSelector, tolerations, scaling } = deployment.spec;
  const labels = {
    ...podTemplate?.metadata?.labels,
    'app.kubernetes.io/name': name,
    [keyIn(dialect, 'engine-type')]: engine,
    ...selectorOf(served),
  };
  const template = {
    metadata: { labels, annotations: podTemplate?.metadata?.annotations },
    spec: { containers: [containerOf(served)], volumes: volumesOf(served), nodeSelector, tolerations },
  };
  return {
    kind: Deployment,
    name,
    labels,
    body: { spec: { replicas: scaling?.replicas ?? 1, selector: { matchLabels: selectorOf(served) }, template } },
  };
}

function containerOf(served: ServedModel): object {
  const { spec } = served.deployment;
  const { gpu, cpu, memory } = spec.resources ?? {};
  const gpus = gpu?.count ?? 0;
  const limits = {
    ...(gpus > 0 ? { [gpu?.type || 'nvidia.com/gpu']: String(gpus) } : {}),
    ...(memory === undefined ? {} : { memory }),
    ...(cpu === undefined ? {} : { cpu }),
  };
  const health = { httpGet: { path: '/health', port: 'http' } };
  return {
    name: 'vllm',
    image: imageOf(served, defaultImage),
    args: [
      '--host',
      '0.0.0.0',
      '--port',
      String(port),
      ...tensorParallel(spec.engine?.args, gpus),
      ...engineFlags(served, servedNames(served)),
    ],
    env: serverEnv(served),
    ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }],
    resources: { limits, requests: limits },
    startupProbe: { ...health, periodSeconds: 2, failureThreshold: 300 },
    readinessProbe: { ...health, initialDelaySeconds: 0, periodSeconds: 5, failureThreshold: 3 },
    livenessProbe: { ...health, periodSeconds: 10, failureThreshold: 3 },
    volumeMounts: mountsOf(served),
  };
}

function tensorParallel(args: Readonly<Record<string, string>> | undefined, gpus: number): string[] {
  return gpus > 1 && args?.['tensor-parallel-size'] === undefined ? ['--tensor-parallel-size', String(gpus)] : [];
}

/** vLLM's workers of one model share memory. */
const sharedMemory = { name: 'dshm', mountPath: '/dev/shm' };

const needsSharedMemory = ({ deployment }: ServedModel): boolean => (deployment.spec.resources?.gpu?.count ?? 0) > 1;

function mountsOf(served: ServedModel): object[] {
  const volumes = served.deployment.spec.model.storage?.volumes ?? [];
  return [
    ...volumes.map(({ name, mountPath, readOnly }) => ({ name, mountPath, readOnly })),
    ...(needsSharedMemory(served) ? [sharedMemory] : []),
  ];
}

function volumesOf(served: ServedModel): object[] {
  const volumes = served.deployment.spec.model.storage?.volumes ?? [];
  return [
    ...volumes.map(({ name, claimName }) => ({ name, persistentVolumeClaim: { claimName } })),
    ...(needsSharedMemory(served)
      ? [{ name: sharedMemory.name, emptyDir: { medium: 'Memory', sizeLimit: '20Gi' } }]
      : []),
  ];
}

function serviceOf(served: ServedModel): Made {
  return {
    kind: Service,
    name: served.deployment.metadata.name,
    labels: selectorOf(served),
    body: {
      spec: { selector: selectorOf(served), ports: [{ name: 'http', port, targetPort: 'http', protocol: 'TCP' }] },
    },
  };
}

/** Volumes with a size get their claim, which goes with the deployment. */
function claimsOf({ deployment, dialect }: ServedModel): Made[] {
  return (deployment.spec.model.storage?.volumes ?? []).filter(isManaged).map((volume) => ({
    kind: PersistentVolumeClaim,
    name: volume.claimName ?? '',
    labels: { [keyIn(dialect, 'deployment')]: deployment.metadata.name },
    body: {
      spec: {
        accessModes: [volume.accessMode ?? 'ReadWriteMany'],
        storageClassName: volume.storageClassName,
        resources: { requests: { storage: volume.size } },
      },
    },
  }));
}
