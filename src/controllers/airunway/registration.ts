import { kubeairunway } from '../../kinds/airunway/dialect.ts';
import type { EngineCapability, InferenceProviderConfig } from '../../kinds/airunway/inferenceproviderconfig.ts';
import { apiVersionOf } from '../../kinds/kind.ts';
import { isConflict, type KubeClient } from '../../kube/client.ts';
import type { Informer, InformerCache } from '../../kube/informer.ts';
import type { Log } from '../../telemetry/log.ts';
import type { AirunwayKinds } from './controller.ts';
import { providers } from './providers/index.ts';
import type { Provider } from './providers/provider.ts';
import { timestamp } from '../../kinds/timestamp.ts';
import { isSimulated, simulatedAnnotation } from './selection.ts';

/** Keeps an InferenceProviderConfig for each of our providers (airunway.md 2.2). */

const heartbeatMs = 60_000;
/** Longer than any cache lags, unless the registration failed. */
const seenMs = 5_000;

export interface RegistrationOptions {
  readonly client: KubeClient;
  readonly informers: InformerCache;
  readonly kinds: AirunwayKinds;
  readonly version: string;
  /** Providers whose servers run without GPUs here: those that are simulated. */
  readonly withoutGpus: ReadonlySet<string>;
  readonly log: Log;
}

/** Registers, and resolves when all that choose among the providers see them; then says every minute that they are alive, and at the end that they are not. */
export async function startRegistration(options: RegistrationOptions): Promise<{ stop(): Promise<void> }> {
  const { informers, kinds, log } = options;
  const configs = informers.informer(kinds.providerConfig);
  await informers.synced();
  let stopped = false;
  let work = Promise.resolve();
  const registerAll = (alive: boolean): void => {
    work = work.then(async () => {
      if (!configs.served || (stopped && alive)) return;
      for (const provider of providers) await register(options, provider, alive);
    });
    work = work.catch((error: unknown) => {
      log.warn({ err: error }, 'providers not registered, trying again within a minute');
    });
  };
  const timer = setInterval(() => {
    registerAll(true);
  }, heartbeatMs);
  // Providers get ready when what they need is installed.
  const stops = providers.map((provider) => {
    let { served } = informers.informer(provider.kind);
    const informer = informers.informer(provider.kind);
    const look = (): void => {
      if (informer.served === served) return;
      ({ served } = informer);
      registerAll(true);
    };
    const looking = setInterval(look, 5_000);
    return () => {
      clearInterval(looking);
    };
  });
  registerAll(true);
  await work;
  if (configs.served) await seen(configs);
  return {
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      for (const stop of stops) stop();
      registerAll(false);
      await work;
    },
  };
}

/** Caches lag behind writes: a deployment that came sooner would be given to the first provider. */
async function seen(configs: Informer<InferenceProviderConfig>): Promise<void> {
  const all = (): boolean => providers.every(({ name }) => configs.get({ name })?.status?.ready !== undefined);
  const timeout = AbortSignal.timeout(seenMs);
  await new Promise<void>((resolve) => {
    const stop = configs.onChange(() => {
      if (all()) resolve();
    });
    timeout.addEventListener('abort', () => {
      stop();
      resolve();
    });
    if (all()) resolve();
  });
}

async function register(options: RegistrationOptions, provider: Provider, alive: boolean): Promise<void> {
  const { client, informers, kinds, version } = options;
  const kind = kinds.providerConfig;
  const ref = { name: provider.name };
  const wanted = configOf(options, provider);
  const ready = alive && informers.informer(provider.kind).served;
  try {
    const stored = await client.get(kind, ref);
    if (stored === undefined) await client.create(kind, wanted);
    else if (
      JSON.stringify(stored.spec) !== JSON.stringify(wanted.spec) ||
      isSimulated(stored) !== isSimulated(wanted)
    ) {
      const annotations = { ...stored.metadata.annotations, ...wanted.metadata.annotations };
      await client.update(kind, { ...wanted, metadata: { ...stored.metadata, annotations } });
    }
    const status = { ready, version, lastHeartbeat: timestamp() };
    await client.patch(kind, ref, { type: 'merge', subresource: 'status', body: { status } });
  } catch (error) {
    // Somebody else has just written it; the next heartbeat looks again.
    if (!isConflict(error)) throw error;
  }
}

function configOf({ kinds, withoutGpus }: RegistrationOptions, provider: Provider): InferenceProviderConfig {
  const simulated = withoutGpus.has(provider.name);
  // As the Go types write it: what is false is not there.
  const engines = provider.engines.map(({ cpuSupport, ...engine }) =>
    simulated || cpuSupport === true ? { ...engine, cpuSupport: true } : engine,
  );
  const common = {
    apiVersion: apiVersionOf(kinds.providerConfig),
    kind: kinds.providerConfig.kind,
    metadata: { name: provider.name, annotations: { [simulatedAnnotation]: String(simulated) } },
  };
  const selectionRules = provider.rules.map((rule) => ({ ...rule }));
  if (kinds.dialect !== kubeairunway) return { ...common, spec: { capabilities: { engines }, selectionRules } };
  return { ...common, spec: { capabilities: shared(engines), selectionRules, documentation: provider.documentation } };
}

/** What the older shape can say of all engines together. */
function shared(engines: readonly EngineCapability[]) {
  return {
    engines: engines.map(({ name }) => name),
    servingModes: [...new Set(engines.flatMap(({ servingModes = [] }) => servingModes))],
    gpuSupport: engines.some(({ gpuSupport }) => gpuSupport === true),
    ...(engines.some(({ cpuSupport }) => cpuSupport === true) && { cpuSupport: true }),
  };
}
