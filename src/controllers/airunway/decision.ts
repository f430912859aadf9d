import type { AirunwayDialect } from '../../kinds/airunway/dialect.ts';
import type { InferenceProviderConfig } from '../../kinds/airunway/inferenceproviderconfig.ts';
import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import type { Engine } from '../../kinds/airunway/modeldeploymentschema.ts';
import type { ConditionUpdate } from '../../kube/conditions.ts';
import { selectEngine, selectProvider } from './selection.ts';
import type { AirunwaySettings } from './settings.ts';
import { problemOf } from './validation.ts';

/** What is decided before anything is made: engine, validity, provider (airunway.md 3.3, steps 3 to 8). */
export interface Decision {
  readonly conditions: readonly Omit<ConditionUpdate, 'observedGeneration'>[];
  readonly status: Pick<NonNullable<ModelDeployment['status']>, 'engine' | 'provider'>;
  /** Set: the deployment goes no further. Without a phase it stays in the one it is in. */
  readonly stopped?: { readonly phase?: 'Failed'; readonly message: string };
  readonly engine?: Engine;
  readonly provider?: string;
}

export function decide(
  deployment: ModelDeployment,
  providers: readonly InferenceProviderConfig[],
  settings: Pick<AirunwaySettings, 'providerSelector'>,
  dialect: AirunwayDialect,
): Decision {
  const { spec, status } = deployment;
  const conditions: Omit<ConditionUpdate, 'observedGeneration'>[] = [];
  const decided: { engine?: Engine; provider?: string; status: Decision['status'] } = { status: {} };
  const stop = (message: string, phase?: 'Failed'): Decision => ({
    conditions,
    ...decided,
    stopped: { message, ...(phase === undefined ? {} : { phase }) },
  });

  if (settings.providerSelector) {
    const selected = selectEngine(deployment, providers);
    if ('error' in selected) {
      conditions.push(failed('EngineSelected', 'SelectionFailed', selected.error));
      return stop(`Engine selection failed: ${selected.error}`);
    }
    decided.engine = selected.name;
    decided.status.engine = { type: selected.name, selectedReason: selected.reason };
    conditions.push(engineSelected(selected));
  } else {
    const engine = spec.engine?.type ?? status?.engine?.type;
    if (engine !== undefined) decided.engine = engine;
  }

  const problem = problemOf(deployment, decided.engine, providers, dialect);
  if (problem !== undefined) {
    conditions.push(failed('Validated', 'ValidationFailed', problem));
    return stop(`Validation failed: ${problem}`, 'Failed');
  }
  conditions.push(holds('Validated', 'ValidationPassed', 'Schema validation passed'));

  const chosen = status?.provider?.name;
  const asked = spec.provider?.name ?? '';
  if (chosen !== undefined && asked !== '' && asked !== chosen) {
    const message = `provider ${chosen} cannot be changed to ${asked}: delete the deployment and create it again`;
    conditions.push(failed('ProviderSelected', 'ProviderChangeNotSupported', message));
    return stop(message, 'Failed');
  }
  if (!settings.providerSelector && chosen === undefined && asked === '') {
    const message = 'No provider specified and provider-selector not enabled';
    conditions.push(failed('ProviderSelected', 'NoProvider', message));
    return stop(message);
  }
  if (decided.engine === undefined) return stop('no engine');
  const selected = selectProvider(deployment, decided.engine, providers);
  if ('error' in selected) {
    conditions.push(failed('ProviderSelected', 'SelectionFailed', selected.error));
    return stop(`Provider selection failed: ${selected.error}`);
  }
  decided.provider = selected.name;
  decided.status.provider = { name: selected.name, selectedReason: selected.reason };
  conditions.push(
    asked === ''
      ? holds('ProviderSelected', 'AutoSelected', `Provider ${selected.name} auto-selected`)
      : holds('ProviderSelected', 'ExplicitSelection', 'Provider explicitly specified in spec'),
  );
  return { conditions, ...decided };
}

function engineSelected({ name, reason, explicit }: { name: string; reason: string; explicit: boolean }) {
  if (explicit) return holds('EngineSelected', 'ExplicitSelection', 'Engine explicitly specified in spec');
  // The reason names the provider: it is kept in the status and outlives the provider's registration.
  return holds('EngineSelected', 'AutoSelected', `Engine ${name} ${reason.replace(/ capabilities$/, '')}`);
}

export function holds(type: string, reason: string, message: string): Omit<ConditionUpdate, 'observedGeneration'> {
  return { type, status: 'True', reason, message };
}

export function failed(type: string, reason: string, message: string): Omit<ConditionUpdate, 'observedGeneration'> {
  return { type, status: 'False', reason, message };
}
