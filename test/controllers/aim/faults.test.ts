import { afterAll, beforeAll, describe, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { createControllerEnvironment } from '../../../src/reconcile/pass.ts';
import { startAim } from '../../../src/controllers/aim/start.ts';
import { AIMArtifact } from '../../../src/kinds/aim/aimartifact.ts';
import { AIMService } from '../../../src/kinds/aim/aimservice.ts';
import { AIMServiceTemplate } from '../../../src/kinds/aim/aimservicetemplate.ts';
import { Job } from '../../../src/kinds/batch/job.ts';
import { apiVersionOf } from '../../../src/kinds/kind.ts';
import type { KubeObject } from '../../../src/kinds/object.ts';
import { allKinds } from '../../../src/kinds/registry.ts';
import { createInformerCache } from '../../../src/kube/cache.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { fixedCredentials } from '../../../src/kube/credentials.ts';
import { createKubeClient } from '../../../src/kube/httpclient.ts';
import type { InformerCache } from '../../../src/kube/informer.ts';
import { createLog } from '../../../src/telemetry/log.ts';
import { startWorld, type World } from './fleet/world.ts';
import { startLocalRegistry, type LocalRegistry } from './registry/localregistry.ts';

/**
 * What can go wrong around an AIMService: what its status then says, with what to do, and that it is Running without anybody's
 * help once the cause is gone. Without KServe: service/absentkinds.test.ts.
 */

const namespace = 'team-0';
const patienceMs = 90_000;

let world: World;
let registry: LocalRegistry;
let client: KubeClient;
let informers: InformerCache;
let stopControllers: () => Promise<void>;
let clockAheadMs = 0;

const labels = {
  'com.amd.aim.model.canonicalName': 'org/model',
  'com.amd.aim.model.recommendedDeployments': JSON.stringify([
    { gpuModel: 'MI300X', gpuCount: 1, precision: 'fp16', metric: 'latency' },
  ]),
};
const known = {
  model: {
    canonicalName: 'org/model',
    recommendedDeployments: [{ gpuModel: 'MI300X', gpuCount: 1, precision: 'fp16', metric: 'latency' }],
  },
};

beforeAll(async () => {
  world = await startWorld();
  registry = await startLocalRegistry();
  const log = createLog({ level: 'silent' });
  client = createKubeClient({
    server: world.url,
    credentials: fixedCredentials({ ca: world.caCertificate, token: world.token }),
  });
  informers = createInformerCache(client, log);
  const environment = createControllerEnvironment({
    client,
    informers,
    log,
    operatorNamespace: 'aim-system',
    now: () => new Date(Date.now() + clockAheadMs),
  });
  const aim = await startAim({
    environment,
    builtinImages: (image) => (image.startsWith(registry.host) ? undefined : known),
    registryBackOff: { firstMs: 50, lastMs: 200 },
  });
  stopControllers = () => aim.stop();
}, 120_000);

afterAll(async () => {
  await stopControllers();
  await informers.stop();
  await client.close();
  await registry.stop();
  await world.stop();
});

const apply = async (yaml: string): Promise<void> => {
  for (const document of parseAllDocuments(yaml)) {
    const object = document.toJS() as KubeObject;
    const kind = allKinds.find(
      (candidate) => candidate.kind === object.kind && apiVersionOf(candidate) === object.apiVersion,
    );
    if (kind === undefined) throw new Error(`unknown kind ${object.kind}`);
    const metadata = kind.namespaced ? { namespace, ...object.metadata } : object.metadata;
    await client.create(kind, { ...object, metadata });
  }
};

const service = (name: string, fields = '', image = `acme/aim-${name}:1`): string => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMService
metadata: { name: ${name} }
spec:
  model: { image: "${image}" }
${fields}`;

/** Resolves once the service is in this state and, if there is one, a condition tells of the problem. */
function reach(name: string, state: string, problem?: { reason: string; says: RegExp }): Promise<void> {
  const informer = informers.informer(AIMService);
  return new Promise((resolve, reject) => {
    let stop: () => void = () => undefined;
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      queueMicrotask(() => {
        stop();
      });
      settle();
    };
    const timer = setTimeout(() => {
      const { status } = informer.get({ namespace, name }) ?? {};
      end(() => {
        reject(
          new Error(
            `${name} did not become ${state} with ${problem?.reason ?? 'any reason'}: ${JSON.stringify(status, undefined, 1)}`,
          ),
        );
      });
    }, patienceMs);
    stop = informer.onChange(({ object, deleted }) => {
      if (deleted || object.metadata.name !== name || object.status?.status !== state) return;
      const told = object.status.conditions?.some(
        ({ status, reason, message }) => status === 'False' && reason === problem?.reason && problem.says.test(message),
      );
      if (problem === undefined || told === true) end(resolve);
    });
  });
}

const jobsOf = (name: string): Job[] =>
  informers
    .informer(Job)
    .list(namespace)
    .filter((job) => imageOrNameOf(job).includes(name));
const imageOrNameOf = ({ metadata, spec }: Job): string =>
  `${metadata.name} ${spec.template.spec?.containers[0]?.image ?? ''}`;
/** As the API does when their time is over: what failed may be tried again. */
const expireJobs = async (name: string): Promise<void> => {
  clockAheadMs += 3_600_000;
  for (const { metadata } of jobsOf(name)) {
    await client.delete(Job, metadata, { propagationPolicy: 'Background' });
  }
};
const discoveryOf =
  (name: string) =>
  (job: Job): boolean =>
    imageOrNameOf(job).includes(`aim-${name}`);
const downloadOf =
  (name: string) =>
  (job: Job): boolean =>
    job.spec.template.spec?.containers[0]?.name === 'model-download' &&
    job.spec.template.spec.containers[0].args?.[0]?.includes(name) === true;
/** Lets the Jobs of one service end otherwise, until it is called again. */
const rules = new Map<string, { of: (job: Job) => boolean; end: ReturnType<World['job']> }>();
const jobsEnd = (name: string, of: (job: Job) => boolean, end: ReturnType<World['job']>): void => {
  rules.set(name, { of, end });
  world.job = (job) => [...rules.values()].find((rule) => rule.of(job))?.end ?? 'succeeds';
};
/** Discovery's answer for weights that no other service uses. */
const weights = (name: string): { fails: false; log: string } => ({
  fails: false,
  log: JSON.stringify([
    {
      filename: 'profile.yaml',
      profile: {
        model: `org/${name}`,
        metadata: {
          engine: 'vllm',
          type: 'optimized',
          gpu: 'MI300X',
          gpu_count: 1,
          metric: 'latency',
          precision: 'fp16',
        },
        engine_args: {},
        env_vars: {},
      },
      models: [{ name: `org/${name}`, source: `hf://org/${name}`, size_gb: 2 }],
    },
  ]),
});
const tied = (name: string): string => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMServiceTemplate
metadata: { name: ${name} }
spec:
  modelName: tied
  type: optimized
  metric: latency
  precision: fp16
  hardware: { gpu: { requests: 1, model: MI300X } }
  modelSources: [{ modelId: org/tied, sourceUri: "hf://org/tied", size: 1Gi }]
`;
const routed = (more: string): string => `  routing:
    enabled: true
    gatewayRef: { name: inference-gateway, namespace: gateways }
${more}`;

interface Fault {
  fault: string;
  name: string;
  cause: () => Promise<unknown>;
  state: string;
  reason: string;
  says: RegExp;
  cure: () => unknown;
}

const faults: Fault[] = [
  {
    fault: 'the registry is down',
    name: 'registry-down',
    cause: () => {
      const image = registry.push('org/aim-down', '1', labels);
      registry.intercept = (request, response) => {
        if (request.url?.includes('aim-down') !== true) return false;
        response.writeHead(503).end();
        return true;
      };
      return apply(service('registry-down', '', image));
    },
    state: 'Failed',
    reason: 'ModelNotReady',
    says: /503.*(again|try|retr|check)/i,
    cure: () => {
      registry.intercept = undefined;
    },
  },
  {
    fault: 'the registry answers 401',
    name: 'registry-401',
    cause: () => {
      const image = registry.push('org/aim-private', '1', labels);
      registry.auth = { scheme: 'bearer', password: 'secret' };
      return apply(service('registry-401', '', image));
    },
    state: 'Failed',
    reason: 'ModelNotReady',
    says: /imagePullSecrets/,
    cure: () => {
      registry.auth = { scheme: 'none' };
    },
  },
  {
    fault: 'the image is missing',
    name: 'image-missing',
    cause: () => {
      registry.push('org/aim-late', '0.9', labels);
      return apply(service('image-missing', '', `${registry.host}/org/aim-late:1`));
    },
    state: 'Failed',
    reason: 'ModelNotReady',
    says: /check the name and the tag/,
    cure: () => registry.push('org/aim-late', '1', labels),
  },
  {
    fault: 'the discovery job fails',
    name: 'discovery-fails',
    cause: () => {
      jobsEnd('discovery-fails', discoveryOf('discovery-fails'), { fails: true, log: 'Traceback: no profile' });
      return apply(service('discovery-fails'));
    },
    state: 'Failed',
    reason: 'TemplateNotReady',
    says: /the next try is at/,
    cure: () => {
      jobsEnd('discovery-fails', discoveryOf('discovery-fails'), 'succeeds');
      return expireJobs('aim-discovery-fails');
    },
  },
  {
    fault: 'the discovery job prints garbage',
    name: 'garbage',
    cause: () => {
      jobsEnd('garbage', discoveryOf('garbage'), { fails: false, log: 'hello world' });
      return apply(service('garbage'));
    },
    state: 'Failed',
    reason: 'TemplateNotReady',
    says: /printed no JSON list of profiles.*the next try is at/,
    cure: () => {
      jobsEnd('garbage', discoveryOf('garbage'), 'succeeds');
      return expireJobs('aim-garbage');
    },
  },
  {
    fault: 'the claim finds no volume',
    name: 'unbound',
    cause: () => {
      jobsEnd('unbound', discoveryOf('unbound'), weights('unbound'));
      // Pods do not start without their volumes.
      jobsEnd('unbound-download', downloadOf('unbound'), 'waits');
      world.binds = ({ metadata }) => !metadata.name.includes('unbound');
      return apply(service('unbound'));
    },
    state: 'Starting',
    reason: 'CacheNotReady',
    says: /default StorageClass: mark one as default, or set storage\.defaultStorageClassName/,
    cure: () => {
      world.binds = () => true;
      rules.delete('unbound-download');
      world.resume();
    },
  },
  {
    fault: 'the download stalls',
    name: 'stalled',
    cause: () => {
      jobsEnd('stalled', discoveryOf('stalled'), weights('stalled'));
      jobsEnd('stalled-download', downloadOf('stalled'), { fails: true, log: 'download stalled: no growth in 120 s' });
      return apply(service('stalled'));
    },
    state: 'Failed',
    reason: 'CacheFailed',
    says: /tried again/,
    cure: async () => {
      rules.delete('stalled-download');
      const artifact = informers
        .informer(AIMArtifact)
        .list(namespace)
        .find(({ metadata }) => metadata.name.includes('stalled'));
      await expireJobs(`${artifact?.metadata.name ?? 'none'}-download`);
    },
  },
  {
    fault: 'the Gateway is missing',
    name: 'no-gateway',
    cause: () =>
      apply(service('no-gateway', '  routing: { enabled: true, gatewayRef: { name: later, namespace: gateways } }')),
    state: 'Starting',
    reason: 'HTTPRoutePending',
    says: /Gateway gateways\/later does not exist: create it or change routing\.gatewayRef/,
    cure: async () => {
      await apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: later, namespace: gateways }
spec: { gatewayClassName: any, listeners: [{ name: http, port: 80, protocol: HTTP }] }
`);
    },
  },
  {
    fault: 'a label of the path template is missing',
    name: 'no-label',
    cause: () => apply(service('no-label', routed(`    pathTemplate: "/{.metadata.labels['team']}"`))),
    state: 'Degraded',
    reason: 'PathTemplateInvalid',
    says: /team/,
    cure: () =>
      client.patch(
        AIMService,
        { namespace, name: 'no-label' },
        { type: 'merge', body: { metadata: { labels: { team: 'a' } } } },
      ),
  },
  {
    fault: 'the runtime configuration is missing',
    name: 'no-config',
    cause: () => apply(service('no-config', '  runtimeConfigName: special')),
    state: 'Failed',
    reason: 'ReferenceNotFound',
    says: /special.*create/i,
    cure: () =>
      apply('{ apiVersion: aim.eai.amd.com/v1alpha1, kind: AIMRuntimeConfig, metadata: { name: special }, spec: {} }'),
  },
  {
    fault: 'two templates are tied',
    name: 'tied',
    cause: () =>
      apply(`
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMModel
metadata: { name: tied }
spec: { image: "acme/aim-tied:1", discovery: { createServiceTemplates: false } }
---${tied('tied-a')}---${tied('tied-b')}---${service('tied')}`),
    state: 'Failed',
    reason: 'TemplateSelectionAmbiguous',
    says: /tied-a.*tied-b|tied-b.*tied-a/,
    cure: () => client.delete(AIMServiceTemplate, { namespace, name: 'tied-b' }),
  },
];

describe('an AIMService tells what is wrong, and recovers by itself', () => {
  it.each(faults)(
    'when $fault: $state, $reason',
    async ({ name, cause, state, reason, says, cure }) => {
      await cause();
      await reach(name, state, { reason, says });
      await cure();
      await reach(name, 'Running');
    },
    2 * patienceMs + 10_000,
  );
});
