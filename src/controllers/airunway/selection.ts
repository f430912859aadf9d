import {
  capabilitiesOf,
  type EngineCapability,
  type InferenceProviderConfig,
} from '../../kinds/airunway/inferenceproviderconfig.ts';
import { modeOf } from '../../kinds/airunway/admission.ts';
import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import type { Engine } from '../../kinds/airunway/modeldeploymentschema.ts';
import { conditionHolds, specForRules } from './selectionrules.ts';

/** Which engine and which provider serve a deployment that names none (airunway.md 3.5 and 3.6). */

export type Selected<Name extends string> = { name: Name; reason: string; explicit: boolean } | { error: string };

/** Best first. */
const preferredEngines: readonly Engine[] = ['vllm', 'sglang', 'trtllm', 'llamacpp'];

const none = 'no providers registered (InferenceProviderConfig resources not found)';

export function selectEngine(
  deployment: ModelDeployment,
  providers: readonly InferenceProviderConfig[],
): Selected<Engine> {
  const { spec, status } = deployment;
  if (spec.engine?.type !== undefined) {
    return { name: spec.engine.type, reason: 'explicit engine selection', explicit: true };
  }
  const chosen = status?.engine;
  if (chosen?.type !== undefined) return { name: chosen.type, reason: chosen.selectedReason ?? '', explicit: false };
  if (providers.length === 0) return { error: none };
  const ready = byName(providers).filter(isReady);
  // Without GPUs simulated servers stand in only where nobody really runs the deployment.
  const real = ready.filter((provider) => needsGpu(deployment) || !isSimulated(provider));
  for (const candidates of [real, ready]) {
    for (const engine of preferredEngines) {
      const provider = candidates.find((candidate) => offers(candidate, engine, deployment));
      if (provider === undefined) continue;
      const reason = `auto-selected from provider ${provider.metadata.name} capabilities`;
      return { name: engine, reason, explicit: false };
    }
  }
  const asked = `gpu=${String(needsGpu(deployment))}, mode=${modeOf(spec)}`;
  return { error: `no engines available from registered providers (${asked}; offered: ${offeredBy(providers)})` };
}

export function selectProvider(
  deployment: ModelDeployment,
  engine: Engine,
  providers: readonly InferenceProviderConfig[],
): Selected<string> {
  const { spec, status } = deployment;
  if (status?.provider?.name !== undefined) {
    return { name: status.provider.name, reason: status.provider.selectedReason ?? '', explicit: false };
  }
  if ((spec.provider?.name ?? '') !== '') {
    return { name: spec.provider?.name ?? '', reason: 'explicit provider selection', explicit: true };
  }
  if (providers.length === 0) return { error: none };
  const ready = byName(providers).filter(isReady);
  if (ready.length === 0) return { error: 'no healthy providers available' };
  const offering = ready.filter((provider) => offers(provider, engine, deployment));
  const real = needsGpu(deployment) ? offering : offering.filter((provider) => !isSimulated(provider));
  const candidates = real.length > 0 ? real : offering;
  const seen = specForRules(deployment, engine);
  const scored = candidates.map((provider) => ({ provider, score: scoreOf(provider, seen) }));
  // The sort is stable and the candidates are in the order of their names, which decides among equals.
  const [best] = scored.toSorted((a, b) => b.score - a.score);
  if (best === undefined) return { error: 'no compatible provider found for this configuration' };
  const gpu = String(needsGpu(deployment));
  const reason = `matched capabilities: engine=${engine}, gpu=${gpu}, mode=${modeOf(spec)}`;
  return { name: best.provider.metadata.name, reason, explicit: false };
}

/** Says that a provider's servers run without GPUs here because they are simulated: nothing else of them is. */
export const simulatedAnnotation = 'headgate.dev/simulated-without-gpus';

export const isSimulated = ({ metadata }: InferenceProviderConfig): boolean =>
  metadata.annotations?.[simulatedAnnotation] === 'true';

/** What a provider says of an engine; undefined when it does not have it. */
export function capabilityOf(provider: InferenceProviderConfig, engine: string): EngineCapability | undefined {
  return capabilitiesOf(provider).find(({ name }) => name === engine);
}

export function needsGpu({ spec }: ModelDeployment): boolean {
  return (spec.resources?.gpu?.count ?? 0) > 0 || modeOf(spec) === 'disaggregated';
}

function offers(provider: InferenceProviderConfig, engine: string, deployment: ModelDeployment): boolean {
  const capability = capabilityOf(provider, engine);
  if (capability === undefined) return false;
  const runs = needsGpu(deployment) ? capability.gpuSupport : capability.cpuSupport;
  return runs === true && (capability.servingModes ?? []).includes(modeOf(deployment.spec));
}

/** The highest priority among the rules that hold; 0 without one. */
function scoreOf({ spec }: InferenceProviderConfig, seen: Readonly<Record<string, unknown>>): number {
  const rules = spec.selectionRules ?? [];
  return Math.max(0, ...rules.filter((rule) => conditionHolds(rule.condition, seen)).map((rule) => rule.priority ?? 0));
}

const isReady = ({ status }: InferenceProviderConfig): boolean => status?.ready === true;

function byName(providers: readonly InferenceProviderConfig[]): readonly InferenceProviderConfig[] {
  return providers.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

function offeredBy(providers: readonly InferenceProviderConfig[]): string {
  const offers = byName(providers).flatMap((provider) =>
    capabilitiesOf(provider).map(
      ({ name }) => `${name} by ${provider.metadata.name}${isReady(provider) ? '' : ' (not ready)'}`,
    ),
  );
  return offers.length === 0 ? 'none' : offers.join(', ');
}
