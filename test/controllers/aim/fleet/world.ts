import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApiServer } from '../../../../src/apiserver/server.ts';
import { Job } from '../../../../src/kinds/batch/job.ts';
import { Namespace } from '../../../../src/kinds/core/namespace.ts';
import { Node } from '../../../../src/kinds/core/node.ts';
import { PersistentVolumeClaim } from '../../../../src/kinds/core/persistentvolumeclaim.ts';
import { Pod } from '../../../../src/kinds/core/pod.ts';
import { Gateway } from '../../../../src/kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../../../src/kinds/gateway/httproute.ts';
import { InferenceService } from '../../../../src/kinds/kserve/inferenceservice.ts';
import { apiVersionOf, type Kind } from '../../../../src/kinds/kind.ts';
import type { KubeObject, ObjectRef } from '../../../../src/kinds/object.ts';
import { allKinds } from '../../../../src/kinds/registry.ts';
import { createInformerCache } from '../../../../src/kube/cache.ts';
import type { KubeClient } from '../../../../src/kube/client.ts';
import { fixedCredentials } from '../../../../src/kube/credentials.ts';
import { createKubeClient } from '../../../../src/kube/httpclient.ts';
import { ownerReferenceTo } from '../../../../src/kube/owners.ts';
import { createLog } from '../../../../src/telemetry/log.ts';

/** Where an API is, and how to get in. */
export interface Target {
  readonly url: string;
  readonly caCertificate: string;
  readonly token: string;
}

export interface World extends Target {
  /** How Jobs end from now on; all succeed unless this is set. `waits`: not yet. */
  job: (job: Job) => JobEnd;
  /** Whether a claim is bound, from now on; all are unless this is set. */
  binds: (claim: PersistentVolumeClaim) => boolean;
  /** Looks again at what waits: the rules have changed. */
  resume(): void;
  stop(): Promise<void>;
}

/** `log` is what the pod prints; discovery's answer unless given. */
export type JobEnd = 'succeeds' | 'waits' | { readonly fails: boolean; readonly log: string };

export const namespaces = ['team-0', 'team-1', 'team-2', 'team-3', 'team-4'];
export const gateway = { namespace: 'gateways', name: 'inference-gateway' };

/**
 * An embedded API in which all that AIM's controllers wait for happens at once and nothing runs: Jobs succeed, claims are
 * bound, InferenceServices become ready with a ready pod each, and routes are accepted.
 */
export async function startWorld(): Promise<World> {
  const log = createLog({ level: 'silent' });
  const dataDir = await mkdtemp(join(tmpdir(), 'headgate-aim-world-'));
  const logs = new Map<string, string>();
  const api = await startApiServer({
    dataDir,
    kinds: allKinds,
    log,
    podLogs: {
      read: async function* ({ pod }) {
        yield await Promise.resolve(Buffer.from(logs.get(pod) ?? discovered));
      },
    },
  });
  const client = createKubeClient({
    server: api.url,
    credentials: fixedCredentials({ ca: api.caCertificate, token: api.token }),
  });
  const informers = createInformerCache(client, log);
  await prepare(client);

  const looks: (() => void)[] = [];
  /** Does `act` once for every object, as soon as the rules let it. */
  const play = <T extends KubeObject>(
    kind: Kind<T>,
    may: (object: T) => boolean,
    act: (object: T) => Promise<void>,
  ): void => {
    const played = new Set<string>();
    const look = (object: T): void => {
      const { uid = '' } = object.metadata;
      if (played.has(uid) || !may(object)) return;
      played.add(uid);
      // What is deleted meanwhile needs nothing any more.
      void act(object).catch(() => undefined);
    };
    const informer = informers.informer(kind);
    informer.onChange(({ object, deleted }) => {
      if (deleted) played.delete(object.metadata.uid ?? '');
      else look(object);
    });
    looks.push(() => {
      informer.list().forEach(look);
    });
  };
  const gateways = informers.informer(Gateway);
  await informers.synced();
  const world: World = {
    url: api.url,
    caCertificate: api.caCertificate,
    token: api.token,
    job: () => 'succeeds',
    binds: () => true,
    resume: () => {
      for (const look of looks) look();
    },
    stop: async () => {
      await informers.stop();
      await client.close();
      await api.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  play(
    Job,
    (job) => world.job(job) !== 'waits',
    (job) => runJob(client, logs, job, world.job(job)),
  );
  play(
    PersistentVolumeClaim,
    (claim) => world.binds(claim),
    ({ metadata }) =>
      setStatus(client, PersistentVolumeClaim, metadata, { phase: 'Bound', capacity: { storage: '1Ti' } }),
  );
  play(
    InferenceService,
    () => true,
    (serving) => runInferenceService(client, serving),
  );
  play(
    HTTPRoute,
    ({ metadata, spec }) =>
      (spec.parentRefs ?? []).every(
        ({ namespace = metadata.namespace, name }) => gateways.get({ namespace, name }) !== undefined,
      ),
    (route) => acceptRoute(client, route),
  );
  gateways.onChange(() => {
    world.resume();
  });
  await informers.synced();
  return world;
}

/** What an image answers that is asked for its profile (aim.md 7.4). */
const discovered = JSON.stringify([
  {
    filename: 'profile.yaml',
    profile: {
      model: 'org/model',
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
    models: [{ name: 'org/model', source: 'hf://org/model', size_gb: 2 }],
  },
]);

const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z');

function setStatus(client: KubeClient, kind: Kind, ref: ObjectRef, status: object): Promise<void> {
  return client.patch(kind, ref, { type: 'merge', subresource: 'status', body: { status } }).then(() => undefined);
}

async function prepare(client: KubeClient): Promise<void> {
  for (const name of [...namespaces, gateway.namespace, 'aim-system']) {
    await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  await client.create(Node, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'gpus', labels: { 'amd.com/gpu.device-id': '74a1' } },
    spec: {},
  });
  await client.create(Gateway, {
    apiVersion: apiVersionOf(Gateway),
    kind: Gateway.kind,
    metadata: gateway,
    spec: {
      gatewayClassName: 'any',
      listeners: [{ name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'All' } } }],
    },
  });
}

async function runJob(client: KubeClient, logs: Map<string, string>, job: Job, end: JobEnd): Promise<void> {
  const fails = typeof end === 'object' && end.fails;
  const { name, namespace = '', uid = '' } = job.metadata;
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name.slice(0, 50)}-${uid.slice(0, 5)}`,
      namespace,
      labels: { ...job.spec.template.metadata?.labels, 'batch.kubernetes.io/job-name': name },
      ownerReferences: [ownerReferenceTo(Job, job)],
    },
    spec: { ...job.spec.template.spec, containers: job.spec.template.spec?.containers ?? [] },
  };
  if (typeof end === 'object') logs.set(pod.metadata.name, end.log);
  await client.create(Pod, pod);
  await setStatus(client, Pod, pod.metadata, { phase: fails ? 'Failed' : 'Succeeded' });
  const time = now();
  const why = fails ? { reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' } : {};
  const conditions = (fails ? ['FailureTarget', 'Failed'] : ['SuccessCriteriaMet', 'Complete']).map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: time,
    ...why,
  }));
  const ended = fails ? { failed: 1 } : { completionTime: time, succeeded: 1 };
  await setStatus(client, Job, job.metadata, { startTime: time, ...ended, conditions });
}

async function runInferenceService(client: KubeClient, serving: InferenceService): Promise<void> {
  const { name, namespace = '' } = serving.metadata;
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-predictor-0`,
      namespace,
      labels: { 'serving.kserve.io/inferenceservice': name },
      ownerReferences: [ownerReferenceTo(InferenceService, serving)],
    },
    spec: { containers: [{ name: 'kserve-container', image: 'any' }] },
  };
  await client.create(Pod, pod);
  const ready = { type: 'Ready', status: 'True', lastTransitionTime: now() };
  await setStatus(client, Pod, pod.metadata, { phase: 'Running', conditions: [ready] });
  await setStatus(client, InferenceService, serving.metadata, {
    observedGeneration: serving.metadata.generation,
    url: `http://${name}.${namespace}.example.com`,
    conditions: [ready],
  });
}

function acceptRoute(client: KubeClient, { metadata, spec }: HTTPRoute): Promise<void> {
  const condition = (type: string) => ({
    type,
    status: 'True',
    reason: type,
    message: '',
    observedGeneration: metadata.generation,
    lastTransitionTime: now(),
  });
  const parents = (spec.parentRefs ?? []).map((parentRef) => ({
    parentRef,
    controllerName: 'example.com/gateways',
    conditions: [condition('Accepted'), condition('ResolvedRefs')],
  }));
  return setStatus(client, HTTPRoute, metadata, { parents });
}
