import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { startApiServer } from '../../../src/apiserver/server.ts';
import { startModelControllers } from '../../../src/controllers/aim/models/controllers.ts';
import { createControllerEnvironment } from '../../../src/reconcile/pass.ts';
import { Job } from '../../../src/kinds/batch/job.ts';
import { Namespace } from '../../../src/kinds/core/namespace.ts';
import { Pod } from '../../../src/kinds/core/pod.ts';
import { apiVersionOf, type Kind } from '../../../src/kinds/kind.ts';
import type { ImageMetadata } from '../../../src/kinds/aim/imagemetadata.ts';
import type { Condition, KubeObject, ObjectRef } from '../../../src/kinds/object.ts';
import { allKinds } from '../../../src/kinds/registry.ts';
import { createInformerCache } from '../../../src/kube/cache.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { fixedCredentials } from '../../../src/kube/credentials.ts';
import { createKubeClient } from '../../../src/kube/httpclient.ts';
import type { InformerCache } from '../../../src/kube/informer.ts';
import { ownerReferenceTo } from '../../../src/kube/owners.ts';
import { createLog } from '../../../src/telemetry/log.ts';

/** What becomes of a discovery Job: its pod ends with this log, cannot pull its image, or never ends. */
export type Run = { log: string; fails?: boolean } | { pullError: string } | 'hangs';

/** An embedded API with the controllers of models, templates and sources, and a kubelet that the test plays. */
export interface ModelCluster {
  readonly client: KubeClient;
  readonly informers: InformerCache;
  /** Writes of the controllers so far, as `verb Kind name`. */
  readonly writes: string[];
  /** How Jobs run from now on. */
  run: (job: Job) => Run;
  /** Time that the controllers think has passed beyond the real one. */
  clockAheadMs: number;
  apply(yaml: string): Promise<void>;
  eventually<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, holds: (object: T) => boolean): Promise<T>;
  /** Stops the controllers and starts them anew, as after a restart. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const patienceMs = 45_000;
export const operatorNamespace = 'aim-system';

export async function startModelCluster(
  options: { imageMetadata?: (image: string) => ImageMetadata | undefined } = {},
): Promise<ModelCluster> {
  const log = createLog({ level: 'silent' });
  const dataDir = await mkdtemp(join(tmpdir(), 'headgate-aim-'));
  const logs = new Map<string, string>();
  const api = await startApiServer({
    dataDir,
    kinds: allKinds,
    log,
    podLogs: {
      read: async function* ({ pod }) {
        const text = logs.get(pod) ?? '';
        if (text !== '') yield await Promise.resolve(Buffer.from(text));
      },
    },
  });
  const client = createKubeClient({
    server: api.url,
    credentials: fixedCredentials({ ca: api.caCertificate, token: api.token }),
  });
  const informers = createInformerCache(client, log);
  for (const name of [operatorNamespace, 'team']) {
    await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }

  const writes: string[] = [];
  const counted = countWrites(client, writes);
  const start = async () => {
    const cache = createInformerCache(counted, log);
    const now = (): Date => new Date(Date.now() + cluster.clockAheadMs);
    const environment = createControllerEnvironment({ client: counted, informers: cache, log, operatorNamespace, now });
    const controllers = await startModelControllers({
      environment,
      imageMetadata: options.imageMetadata,
      backOff: { firstMs: 50, lastMs: 200 },
    });
    return async () => {
      await controllers.stop();
      await cache.stop();
    };
  };

  const kubelet = startKubelet(client, informers, logs, (job) => cluster.run(job));
  const cluster: ModelCluster = {
    client,
    informers,
    writes,
    run: () => 'hangs',
    clockAheadMs: 0,
    apply: async (yaml) => {
      for (const document of parseAllDocuments(yaml)) await create(client, document.toJS() as KubeObject);
    },
    eventually: (kind, ref, holds) => eventually(informers, kind, ref, holds),
    restart: async () => {
      await stopControllers();
      stopControllers = await start();
    },
    stop: async () => {
      kubelet();
      await stopControllers();
      await informers.stop();
      await client.close();
      await api.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  let stopControllers = await start();
  return cluster;
}

export function says(
  object: { status?: { conditions?: Condition[] } },
  type: string,
  status: 'True' | 'False',
  reason?: string,
): boolean {
  const condition = object.status?.conditions?.find((candidate) => candidate.type === type);
  return condition?.status === status && (reason === undefined || condition.reason === reason);
}

export function messageOf(object: { status?: { conditions?: Condition[] } }, type: string): string {
  return object.status?.conditions?.find((condition) => condition.type === type)?.message ?? '';
}

/** The client as it is, taking notes of what is written through it. */
function countWrites(client: KubeClient, writes: string[]): KubeClient {
  const note = (verb: string, kind: Kind, name: string): void => {
    if (kind.kind !== 'Event') writes.push(`${verb} ${kind.kind} ${name}`);
  };
  return {
    ...client,
    create: (kind, object) => {
      note('create', kind, object.metadata.name);
      return client.create(kind, object);
    },
    updateStatus: (kind, object) => {
      note('status', kind, object.metadata.name);
      return client.updateStatus(kind, object);
    },
    patch: (kind, ref, patch) => {
      note(patch.type, kind, ref.name);
      return client.patch(kind, ref, patch);
    },
    delete: (kind, ref, deletion) => {
      note('delete', kind, ref.name);
      return client.delete(kind, ref, deletion);
    },
  };
}

/** Gives every new Job a pod and lets it end as `run` says. */
function startKubelet(
  client: KubeClient,
  informers: InformerCache,
  logs: Map<string, string>,
  run: (job: Job) => Run,
): () => void {
  const started = new Set<string>();
  return informers.informer(Job).onChange(({ object: job, deleted }) => {
    const { uid = '' } = job.metadata;
    if (deleted || started.has(uid)) return;
    started.add(uid);
    // A Job that a test deletes meanwhile needs no kubelet any more.
    void runJob(client, logs, job, run(job)).catch(() => undefined);
  });
}

async function runJob(client: KubeClient, logs: Map<string, string>, job: Job, run: Run): Promise<void> {
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
  await client.create(Pod, pod);
  const podStatus = (status: object) =>
    client.patch(Pod, pod.metadata, { type: 'merge', subresource: 'status', body: { status } });
  if (run === 'hangs') {
    await podStatus({ phase: 'Running' });
    return;
  }
  if ('pullError' in run) {
    const state = { waiting: { reason: 'ImagePullBackOff', message: run.pullError } };
    const status = { name: 'discovery', image: 'i', imageID: '', ready: false, restartCount: 0, state };
    await podStatus({ phase: 'Pending', containerStatuses: [status] });
    return;
  }
  logs.set(pod.metadata.name, run.log);
  await podStatus({ phase: run.fails === true ? 'Failed' : 'Succeeded' });
  await finishJob(client, job.metadata, run.fails === true ? 'Failed' : 'Complete');
}

async function finishJob(client: KubeClient, ref: ObjectRef, type: 'Complete' | 'Failed'): Promise<void> {
  const lastTransitionTime = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const reason = type === 'Failed' ? { reason: 'BackoffLimitExceeded', message: 'Job has reached the limit' } : {};
  const conditions = [
    { type: type === 'Failed' ? 'FailureTarget' : 'SuccessCriteriaMet', status: 'True', lastTransitionTime, ...reason },
    { type, status: 'True', lastTransitionTime, ...reason },
  ];
  const ended = type === 'Failed' ? { failed: 1 } : { succeeded: 1, completionTime: lastTransitionTime };
  const status = { startTime: lastTransitionTime, conditions, ...ended };
  await client.patch(Job, ref, { type: 'merge', subresource: 'status', body: { status } });
}

async function create(client: KubeClient, object: KubeObject): Promise<void> {
  const kind = allKinds.find(
    (candidate) =>
      candidate.kind === object.kind && object.apiVersion.split('/').at(-2) === (candidate.group || undefined),
  );
  if (kind === undefined) throw new Error(`unknown kind ${object.apiVersion} ${object.kind}`);
  const metadata = kind.namespaced ? { namespace: 'team', ...object.metadata } : object.metadata;
  await client.create(kind, { ...object, apiVersion: apiVersionOf(kind), metadata });
}

/** Waits on changes, not on a clock; the clock only ends a wait that is in vain. */
async function eventually<T extends KubeObject>(
  informers: InformerCache,
  kind: Kind<T>,
  ref: ObjectRef,
  holds: (object: T) => boolean,
): Promise<T> {
  const informer = informers.informer(kind);
  return new Promise((resolve, reject) => {
    let stop: () => void = () => undefined;
    const timer = setTimeout(() => {
      stop();
      reject(
        new Error(`${kind.kind} ${ref.name} never came to the wanted state: ${JSON.stringify(informer.get(ref))}`),
      );
    }, patienceMs);
    let done = false;
    const check = (): void => {
      const object = informer.get(ref);
      if (done || object === undefined || !holds(object)) return;
      done = true;
      clearTimeout(timer);
      stop();
      resolve(object);
    };
    stop = informer.onChange(check);
    if (done) stop();
    check();
  });
}
