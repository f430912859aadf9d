import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApiServer } from '../../../src/apiserver/server.ts';
import { createControllerEnvironment } from '../../../src/reconcile/pass.ts';
import { defaultSettings, type AirunwaySettings } from '../../../src/controllers/airunway/settings.ts';
import { startAirunway } from '../../../src/controllers/airunway/start.ts';
import { CustomResourceDefinition } from '../../../src/kinds/apiextensions/customresourcedefinition.ts';
import { definitionOf } from '../../../src/kinds/apiextensions/printed.ts';
import { ModelDeployment } from '../../../src/kinds/airunway/modeldeployment.ts';
import { Gateway } from '../../../src/kinds/gateway/gateway.ts';
import { apiVersionOf, type Kind } from '../../../src/kinds/kind.ts';
import type { KubeObject, ObjectRef } from '../../../src/kinds/object.ts';
import { allKinds } from '../../../src/kinds/registry.ts';
import { createInformerCache } from '../../../src/kube/cache.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { fixedCredentials } from '../../../src/kube/credentials.ts';
import { createKubeClient } from '../../../src/kube/httpclient.ts';
import { createLog } from '../../../src/telemetry/log.ts';

/** An embedded API with the controllers of KubeAIRunway; tests play the model servers and the Gateway. */
export interface AirunwayCluster {
  client: KubeClient;
  /** Creates a deployment that a provider of somebody else serves. */
  deploy(spec: Partial<ModelDeployment['spec']>, name?: string, kind?: Kind<ModelDeployment>): Promise<ModelDeployment>;
  /** What that provider does: says that its servers run. */
  run(endpoint?: { service?: string; port?: number }, name?: string, kind?: Kind<ModelDeployment>): Promise<void>;
  /** Installs a kind that the API was started without. */
  install(kind: Kind): Promise<void>;
  gateway(
    name: string,
    options?: { namespace?: string; labels?: Record<string, string>; address?: string },
  ): Promise<void>;
  /** The object, once `holds` is true of it. */
  eventually<T extends KubeObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    holds: (object: T | undefined) => boolean,
  ): Promise<T | undefined>;
  /** Ends the controllers and starts them with other settings. */
  restart(settings: Partial<AirunwaySettings>): Promise<void>;
  /** What Prometheus would scrape. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

const patienceMs = 30_000;

export async function startAirunwayCluster(
  options: { settings?: Partial<AirunwaySettings>; without?: readonly string[] } = {},
): Promise<AirunwayCluster> {
  const { settings = {}, without = [] } = options;
  const log = createLog({ level: 'silent' });
  const dataDir = await mkdtemp(join(tmpdir(), 'headgate-airunway-'));
  const kinds = allKinds.filter((kind) => !without.includes(kind.plural));
  const api = await startApiServer({ dataDir, kinds, log });
  const client = createKubeClient({
    server: api.url,
    credentials: fixedCredentials({ ca: api.caCertificate, token: api.token }),
  });
  const informers = createInformerCache(client, log);
  const environment = createControllerEnvironment({ client, informers, log, operatorNamespace: 'default' });
  const start = (changed: Partial<AirunwaySettings>) =>
    startAirunway({ environment, settings: { ...defaultSettings, ...changed }, version: 'test' });
  let controllers = await start(settings);

  return {
    client,
    deploy: (spec, name = 'qwen3', kind = ModelDeployment) =>
      client.create(kind, {
        apiVersion: apiVersionOf(kind),
        kind: kind.kind,
        metadata: { name, namespace: 'default' },
        spec: { model: { id: 'Qwen/Qwen3-0.6B' }, engine: { type: 'vllm' }, provider: { name: 'foreign' }, ...spec },
      }),
    run: async (endpoint = { service: 'qwen3-svc', port: 8080 }, name = 'qwen3', kind = ModelDeployment) => {
      const body = { status: { phase: 'Running', endpoint } };
      await client.patch(kind, { namespace: 'default', name }, { type: 'merge', subresource: 'status', body });
    },
    install: async (kind) => {
      // The type of the definition to create is that of one that is stored.
      const definition = definitionOf(kind) as unknown as CustomResourceDefinition;
      await client.create(CustomResourceDefinition, definition);
    },
    gateway: async (name, { namespace = 'default', labels = {}, address } = {}) => {
      const created = await client.create(Gateway, {
        apiVersion: apiVersionOf(Gateway),
        kind: Gateway.kind,
        metadata: { name, namespace, labels },
        spec: { gatewayClassName: 'headgate', listeners: [{ name: 'http', protocol: 'HTTP', port: 80 }] },
      });
      if (address === undefined) return;
      const body = { status: { addresses: [{ type: 'IPAddress', value: address }] } };
      await client.patch(Gateway, created.metadata, { type: 'merge', subresource: 'status', body });
    },
    eventually: async <T extends KubeObject>(
      kind: Kind<T>,
      ref: ObjectRef,
      holds: (object: T | undefined) => boolean,
    ) => {
      const informer = informers.informer(kind);
      return new Promise<T | undefined>((resolve, reject) => {
        const look = (): void => {
          const object = informer.get(ref);
          if (!holds(object)) return;
          clearTimeout(timer);
          resolve(object);
          queueMicrotask(() => {
            unsubscribe();
          });
        };
        const timer = setTimeout(() => {
          unsubscribe();
          reject(new Error(`${kind.kind} ${ref.name} is not as wanted: ${JSON.stringify(informer.get(ref))}`));
        }, patienceMs);
        const unsubscribe = informer.onChange(look);
        look();
      });
    },
    restart: async (changed) => {
      await controllers.stop();
      controllers = await start(changed);
    },
    metrics: () => controllers.metrics(),
    stop: async () => {
      await controllers.stop();
      await informers.stop();
      await client.close();
      await api.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
