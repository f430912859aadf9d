import { airunway, kubeairunway } from '../../kinds/airunway/dialect.ts';
import {
  AirunwayInferenceProviderConfig,
  InferenceProviderConfig,
} from '../../kinds/airunway/inferenceproviderconfig.ts';
import { AirunwayModelDeployment, ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import type { ControllerEnvironment } from '../../reconcile/pass.ts';
import { startModelDeployments, type AirunwayKinds } from './controller.ts';
import { createAirunwayMetrics } from './metrics.ts';
import { createModelProbe } from './modelprobe.ts';
import { startRegistration } from './registration.ts';
import { providers } from './providers/index.ts';
import type { AirunwaySettings } from './settings.ts';

const groups: readonly AirunwayKinds[] = [
  { dialect: kubeairunway, deployment: ModelDeployment, providerConfig: InferenceProviderConfig },
  { dialect: airunway, deployment: AirunwayModelDeployment, providerConfig: AirunwayInferenceProviderConfig },
];

export interface AirunwayOptions {
  readonly environment: ControllerEnvironment;
  readonly settings: AirunwaySettings;
  readonly version: string;
  /** Providers whose servers run without GPUs here. */
  readonly withoutGpus?: ReadonlySet<string>;
}

export interface Airunway {
  /** Prometheus metrics of both groups. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

/** The controllers of both groups of KubeAIRunway, and the registration of Headgate's own providers. */
export async function startAirunway(options: AirunwayOptions): Promise<Airunway> {
  const { environment, settings, version, withoutGpus = new Set<string>() } = options;
  const { client, informers, log } = environment;
  const probe = createModelProbe(log);
  for (const { kind } of providers) informers.informer(kind);
  for (const { providerConfig } of groups) informers.informer(providerConfig);
  const registrations = await Promise.all(
    groups.map((kinds) => startRegistration({ client, informers, kinds, version, withoutGpus, log })),
  );
  const measured = groups.map((kinds) => ({
    kinds,
    metrics: createAirunwayMetrics(kinds.dialect, informers.informer(kinds.deployment)),
  }));
  const controllers = await Promise.all(
    measured.map((group) => startModelDeployments({ environment, settings, probe, ...group })),
  );
  return {
    metrics: async () => (await Promise.all(measured.map(({ metrics }) => metrics.render()))).join('\n'),
    stop: async () => {
      for (const { metrics } of measured) metrics.stop();
      await Promise.all(controllers.map((controller) => controller.stop()));
      await probe.stop();
      await Promise.all(registrations.map((registration) => registration.stop()));
    },
  };
}
