import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import type { Phase } from '../../kinds/airunway/modeldeploymentschema.ts';
import { qualifiedResource } from '../../kinds/kind.ts';
import { keyOf, type KubeObject } from '../../kinds/object.ts';
import type { ConditionUpdate } from '../../kube/conditions.ts';
import { isControlledBy } from '../../kube/owners.ts';
import type { Child } from '../../reconcile/children.ts';
import { failed, holds } from './decision.ts';
import { withOverrides } from './overrides.ts';
import { fieldOf, type Made, type Provider, type ServedModel, type Translation } from './providers/provider.ts';

/** What one of our own providers makes of a deployment, and what its status says then (airunway.md 5.1). */
export interface ProviderPlan {
  readonly apply: readonly Child[];
  readonly conditions: readonly Omit<ConditionUpdate, 'observedGeneration'>[];
  readonly status: Partial<NonNullable<ModelDeployment['status']>> & { phase: Phase };
  /** The object that stands for the deployment, once it is made. */
  readonly resource?: { readonly resourceName: string; readonly resourceKind: string };
}

/** The objects that there are already, by kind and key. */
export type Existing = (made: Made) => KubeObject | undefined;

export function planProvider(
  provider: Provider,
  served: ServedModel,
  existing: Existing,
  isServed: boolean,
  problem?: string,
): ProviderPlan {
  const { deployment } = served;
  const incompatible = provider.incompatible(served);
  if (incompatible !== undefined) {
    return stopped([failed('ProviderCompatible', 'IncompatibleConfiguration', incompatible)], incompatible);
  }
  const compatible = holds('ProviderCompatible', 'CompatibilityVerified', compatibilityText(provider, deployment));
  if (!isServed) {
    const message = `the API does not serve ${qualifiedResource(provider.kind)}: install what ${provider.name} needs (${provider.documentation})`;
    return stopped([compatible, failed('ResourceCreated', 'CreateFailed', message)], message, 'Pending');
  }
  let made: readonly [Made, ...Made[]];
  try {
    const [first, ...others] = provider.transform(served);
    made = [withOverrides(first, deployment.spec.provider?.overrides), ...others];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `Failed to generate ${provider.kind.kind} resources: ${why}`;
    return stopped([compatible, failed('ResourceCreated', 'TransformFailed', message)], message);
  }
  const foreign = made.find((one) => isForeign(existing(one), deployment));
  if (foreign !== undefined) {
    const key = keyOf({ namespace: deployment.metadata.namespace, name: foreign.name });
    const message = `resource ${key} exists but is not managed by this ModelDeployment`;
    const conflict = (type: string) => failed(type, 'ResourceConflict', message);
    return stopped([compatible, conflict('ResourceCreated'), conflict('Ready')], message);
  }
  return {
    apply: made.map((one) => childOf(one, deployment)),
    ...outcome(provider, served, existing(made[0]), compatible, problem),
    resource: { resourceName: made[0].name, resourceKind: provider.kind.kind },
  };
}

function outcome(
  provider: Provider,
  served: ServedModel,
  object: KubeObject | undefined,
  compatible: Omit<ConditionUpdate, 'observedGeneration'>,
  problem: string | undefined,
): Omit<ProviderPlan, 'apply'> {
  const { kind } = provider.kind;
  const creating: Translation = { phase: 'Deploying', replicas: { desired: 0, ready: 0, available: 0 } };
  const translation = object === undefined ? creating : provider.translate(object, served);
  const { phase, replicas, endpoint } = translation;
  // While it waits or has failed, what the pods say tells more than that it does.
  const message =
    phase === 'Running' || problem === undefined ? translation.message : withProblem(translation.message, problem);
  const waiting = `${kind} created, waiting for pods to be ready`;
  const shown = phase === 'Pending' ? 'Deploying' : phase;
  return {
    conditions: [
      compatible,
      holds('ResourceCreated', 'ResourceCreated', `${kind} created successfully`),
      readiness(shown, message),
    ],
    status: {
      phase: shown,
      message: message ?? (shown === 'Running' ? 'All replicas are ready' : waiting),
      ...(object === undefined ? {} : { replicas }),
      ...(endpoint === undefined ? {} : { endpoint }),
    },
  };
}

function withProblem(message: string | undefined, problem: string): string {
  return message === undefined ? `Deployment is in progress: ${problem}` : `${message}: ${problem}`;
}

function readiness(phase: Phase, message: string | undefined): Omit<ConditionUpdate, 'observedGeneration'> {
  if (phase === 'Running') return holds('Ready', 'DeploymentReady', 'All replicas are ready');
  if (phase === 'Failed') return failed('Ready', 'DeploymentFailed', message ?? 'the deployment failed');
  return failed('Ready', 'DeploymentInProgress', message ?? 'Deployment is in progress');
}

function stopped(
  conditions: ProviderPlan['conditions'],
  message: string,
  phase: 'Failed' | 'Pending' = 'Failed',
): ProviderPlan {
  return { apply: [], conditions, status: { phase, message } };
}

function compatibilityText(provider: Provider, { spec }: ModelDeployment): string {
  const ignored = (provider.ignores ?? []).filter((path) => fieldOf(spec, ...path.split('.')) !== undefined);
  const text = `Configuration compatible with ${provider.name}`;
  return ignored.length === 0 ? text : `${text}; ignored: ${ignored.map((path) => `spec.${path}`).join(', ')}`;
}

function isForeign(object: KubeObject | undefined, deployment: ModelDeployment): boolean {
  return object !== undefined && !isControlledBy(object, deployment);
}

function childOf({ kind, name, labels, annotations, body }: Made, { metadata }: ModelDeployment): Child {
  return {
    kind,
    owned: true,
    object: {
      ...body,
      metadata: {
        name,
        ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
        ...(labels === undefined ? {} : { labels }),
        ...(annotations === undefined ? {} : { annotations }),
      },
    },
  };
}
