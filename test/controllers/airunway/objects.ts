import { kubeairunway } from '../../../src/kinds/airunway/dialect.ts';
import { modelDeploymentAdmission } from '../../../src/kinds/airunway/admission.ts';
import type { EngineCapability, InferenceProviderConfig } from '../../../src/kinds/airunway/inferenceproviderconfig.ts';
import type { ModelDeployment } from '../../../src/kinds/airunway/modeldeployment.ts';
import { providers } from '../../../src/controllers/airunway/providers/index.ts';

/** Objects for tests, as an API server would give them back. */

type Spec = ModelDeployment['spec'];

export function deployment(
  spec: Partial<Spec> = {},
  options: { status?: ModelDeployment['status']; admitted?: boolean; name?: string } = {},
): ModelDeployment {
  const { status, admitted = true, name = 'qwen3' } = options;
  const object: ModelDeployment = {
    apiVersion: 'kubeairunway.ai/v1alpha1',
    kind: 'ModelDeployment',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, generation: 1 },
    spec: { model: { id: 'Qwen/Qwen3-0.6B' }, ...spec },
    ...(status === undefined ? {} : { status }),
  };
  return admitted ? modelDeploymentAdmission(kubeairunway).complete(object) : object;
}

export function providerConfig(
  name: string,
  engines: readonly EngineCapability[],
  options: { rules?: readonly { condition: string; priority?: number }[]; ready?: boolean } = {},
): InferenceProviderConfig {
  const { rules = [], ready = true } = options;
  return {
    apiVersion: 'airunway.ai/v1alpha1',
    kind: 'InferenceProviderConfig',
    metadata: { name },
    spec: { capabilities: { engines: [...engines] }, selectionRules: rules.map((rule) => ({ ...rule })) },
    status: { ready },
  };
}

/** The registrations of our own providers, as on a cluster that has everything installed. */
export function allProviders(
  without: readonly string[] = [],
  change: (engine: EngineCapability) => EngineCapability = (engine) => engine,
): InferenceProviderConfig[] {
  return providers
    .filter(({ name }) => !without.includes(name))
    .map(({ name, engines, rules }) => providerConfig(name, engines.map(change), { rules }));
}
