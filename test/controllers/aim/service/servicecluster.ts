import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { startApiServer } from '../../../../src/apiserver/server.ts';
import { createControllerEnvironment, type ControllerEnvironment } from '../../../../src/reconcile/pass.ts';
import { startServiceController } from '../../../../src/controllers/aim/service/controller.ts';
import { AIMService } from '../../../../src/kinds/aim/aimservice.ts';
import { Namespace } from '../../../../src/kinds/core/namespace.ts';
import { apiVersionOf, type Kind } from '../../../../src/kinds/kind.ts';
import type { Condition, KubeObject, ObjectRef } from '../../../../src/kinds/object.ts';
import { allKinds } from '../../../../src/kinds/registry.ts';
import { createInformerCache } from '../../../../src/kube/cache.ts';
import { KubeError, type KubeClient } from '../../../../src/kube/client.ts';
import type { Controller } from '../../../../src/kube/controller.ts';
import { fixedCredentials } from '../../../../src/kube/credentials.ts';
import { createKubeClient } from '../../../../src/kube/httpclient.ts';
import { createLog } from '../../../../src/telemetry/log.ts';

/** An embedded API with the controller of AIMServices alone, or those given: the test plays everybody else. */
export interface ServiceCluster {
  client: KubeClient;
  /** Writes of the controller so far, as `verb Kind name`. */
  writes: string[];
  /** What pods have printed, by name. */
  logs: Map<string, string>;
  /** Creates the objects of a YAML text, with their status. */
  apply(yaml: string): Promise<void>;
  setStatus(kind: Kind, ref: ObjectRef, status: unknown): Promise<void>;
  eventually<T extends KubeObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    holds: (object: T | undefined) => boolean,
  ): Promise<T | undefined>;
  /** The service once its status is this. */
  service(ref: ObjectRef, status: string, reason?: string): Promise<AIMService>;
  stop(): Promise<void>;
}

const patienceMs = 30_000;

interface ServiceClusterOptions {
  without?: readonly Kind[];
  start?: (environment: ControllerEnvironment) => Promise<Controller>;
}

export async function startServiceCluster(options: ServiceClusterOptions = {}): Promise<ServiceCluster> {
  const log = createLog({ level: 'silent' });
  const dataDir = await mkdtemp(join(tmpdir(), 'headgate-aim-'));
  const kinds = allKinds.filter((kind) => options.without?.includes(kind) !== true);
  const logs = new Map<string, string>();
  const podLogs = {
    read: async function* ({ pod }: { pod: string }) {
      const text = logs.get(pod);
      if (text !== undefined) yield await Promise.resolve(Buffer.from(text));
    },
  };
  const api = await startApiServer({ dataDir, kinds, log, podLogs });
  const client = createKubeClient({
    server: api.url,
    credentials: fixedCredentials({ ca: api.caCertificate, token: api.token }),
  });
  const writes: string[] = [];
  const controllerClient = recording(client, writes);
  const informers = createInformerCache(controllerClient, log);
  const environment = createControllerEnvironment({
    client: controllerClient,
    informers,
    log,
    operatorNamespace: 'aim-system',
  });
  const controller = await (options.start ?? startServiceController)(environment);

  const eventually = async <T extends KubeObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    holds: (object: T | undefined) => boolean,
  ): Promise<T | undefined> => {
    const informer = informers.informer(kind);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        stop();
        const { status } = (informer.get(ref) ?? {}) as { status?: unknown };
        reject(new Error(`${kind.kind} ${ref.name} did not come to the wanted state: ${JSON.stringify(status)}`));
      }, patienceMs);
      let stop: () => void = () => undefined;
      const check = (): void => {
        const object = informer.get(ref);
        if (!holds(object)) return;
        clearTimeout(timer);
        // The listener is told of what there is before its stop function is known.
        queueMicrotask(() => {
          stop();
        });
        resolve(object);
      };
      stop = informer.onChange(check);
      check();
    });
  };

  return {
    client,
    writes,
    logs,
    apply: async (yaml) => {
      for (const document of parseAllDocuments(yaml)) await create(client, document.toJS() as Applied);
    },
    setStatus: async (kind, ref, status) => {
      await client.patch(kind, ref, { type: 'merge', subresource: 'status', body: { status } });
    },
    eventually,
    service: async (ref, status, reason) => {
      const found = await eventually(
        AIMService,
        ref,
        (service) =>
          service?.status?.status === status &&
          (reason === undefined ||
            service.status.conditions?.some((condition) => condition.reason === reason) === true),
      );
      if (found === undefined) throw new Error('eventually resolves with what it found');
      return found;
    },
    stop: async () => {
      await controller.stop();
      await informers.stop();
      await client.close();
      await api.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function recording(client: KubeClient, writes: string[]): KubeClient {
  const note = (verb: string, kind: Kind, name: string): void => {
    if (kind.kind !== 'Event') writes.push(`${verb} ${kind.kind} ${name}`);
  };
  return {
    ...client,
    create: (kind, object) => {
      note('create', kind, object.metadata.name);
      return client.create(kind, object);
    },
    patch: (kind, ref, patch) => {
      note(patch.type, kind, ref.name);
      return client.patch(kind, ref, patch);
    },
    updateStatus: (kind, object) => {
      note('status', kind, object.metadata.name);
      return client.updateStatus(kind, object);
    },
    delete: (kind, ref, deletion) => {
      note('delete', kind, ref.name);
      return client.delete(kind, ref, deletion);
    },
  };
}

type Applied = KubeObject & { status?: unknown };

async function create(client: KubeClient, object: Applied): Promise<void> {
  const kind = allKinds.find(
    (candidate) => candidate.kind === object.kind && object.apiVersion === apiVersionOf(candidate),
  );
  if (kind === undefined) throw new Error(`unknown kind ${object.apiVersion} ${object.kind}`);
  const metadata = kind.namespaced ? { namespace: 'ml-team', ...object.metadata } : object.metadata;
  if (metadata.namespace !== undefined) await ensureNamespace(client, metadata.namespace);
  await client.create(kind, { ...object, metadata });
  if (object.status === undefined) return;
  await client.patch(kind, metadata, { type: 'merge', subresource: 'status', body: { status: object.status } });
}

async function ensureNamespace(client: KubeClient, name: string): Promise<void> {
  try {
    await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  } catch (error) {
    if (!(error instanceof KubeError && error.code === 409)) throw error;
  }
}

export function conditionOf(object: AIMService, type: string): Condition | undefined {
  return object.status?.conditions?.find((condition) => condition.type === type);
}
