import type { EngineCapability } from '../../kinds/airunway/inferenceproviderconfig.ts';
import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import type { Service } from '../../kinds/core/service.ts';
import { Gateway } from '../../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../kinds/gateway/httproute.ts';
import { ReferenceGrant } from '../../kinds/gateway/referencegrant.ts';
import { InferencePool } from '../../kinds/inference/inferencepool.ts';
import type { Kind } from '../../kinds/kind.ts';
import { keyOf, type KubeObject, type ObjectRef } from '../../kinds/object.ts';
import type { ConditionUpdate } from '../../kube/conditions.ts';
import { controllerOf, isControlledBy } from '../../kube/owners.ts';
import type { Child } from '../../reconcile/children.ts';
import { describeFailure, type WriteFailure } from '../../reconcile/failures.ts';
import { allowedRoutesChild } from './allowedroutes.ts';
import { failed, holds } from './decision.ts';
import { addressOf, chooseGateway } from './gatewaychoice.ts';
import { poolChild, routeChild, targetPortOf } from './gatewayobjects.ts';
import { grantChildren, managedPoolOf } from './managedpool.ts';
import { pickerChildren, pickerKinds } from './pickerobjects.ts';
import { podLabelChildren, type LabelledPod } from './podlabels.ts';
import type { PlanContext } from './settings.ts';

/** How a running deployment is offered at the Gateway (airunway.md 4, positions of 4.6). */

export interface GatewayObserved {
  /** InferencePools, HTTPRoutes and Gateways are all known to the API. */
  readonly served: boolean;
  readonly gateways: readonly Gateway[];
  /** Objects of the names that Headgate would use, whosever they are. */
  existing(kind: Kind, name: string): KubeObject | undefined;
  readonly service: Service | undefined;
  /** Pods behind the Service, which the pool is to select. */
  readonly pods: readonly LabelledPod[];
  readonly capability: EngineCapability | undefined;
  /** The pool that the provider's operator makes; undefined while it has not, and where Headgate makes pools. */
  readonly managedPool: InferencePool | undefined;
  /** What the model server says its model is; undefined while it is not known. */
  readonly probed: string | undefined;
  /** Namespaces of the deployments that are offered at Gateways. */
  readonly namespaces: readonly string[];
}

export interface GatewayPlan {
  readonly apply: readonly Child[];
  readonly remove: readonly { kind: Kind; ref: ObjectRef }[];
  verdict(failedWrites: readonly WriteFailure[]): GatewayVerdict;
}

interface GatewayVerdict {
  readonly conditions: readonly Omit<ConditionUpdate, 'observedGeneration'>[];
  readonly status?: NonNullable<ModelDeployment['status']>['gateway'];
  /** `status.gateway` goes; without status and forget it stays as it is. */
  readonly forget?: true;
}

const nothing = (verdict: GatewayVerdict = { conditions: [] }): GatewayPlan => ({
  apply: [],
  remove: [],
  verdict: () => verdict,
});

export function planGateway(deployment: ModelDeployment, observed: GatewayObserved, context: PlanContext): GatewayPlan {
  const enabled = deployment.spec.gateway?.enabled;
  if (enabled === false) return disabled(deployment, observed);
  if (deployment.status?.phase !== 'Running') return nothing();
  if (!observed.served) return nothing(enabled === true ? unavailable : undefined);
  const choice = chooseGateway(observed.gateways, context.settings, context.dialect);
  if ('error' in choice) return nothing({ conditions: [failed('GatewayReady', 'NoGateway', choice.error)] });
  const managed = managedPoolOf(deployment, observed.capability);
  if (managed !== undefined && observed.managedPool === undefined) {
    const message = `InferencePool ${keyOf(managed)}, which the provider makes, does not exist`;
    return nothing({ conditions: [failed('GatewayReady', 'InferencePoolFailed', message)] });
  }
  const taken = takenBy(deployment, observed);
  if (taken !== undefined) return nothing({ conditions: [taken] });
  return offered(deployment, observed, context, choice);
}

const unavailable: GatewayVerdict = {
  conditions: [
    failed(
      'GatewayReady',
      'CRDsNotAvailable',
      'Gateway API Inference Extension CRDs are not installed in the cluster: install InferencePool, HTTPRoute and Gateway',
    ),
  ],
};

function offered(
  deployment: ModelDeployment,
  observed: GatewayObserved,
  { settings, dialect }: PlanContext,
  gateway: { name: string; namespace: string; also: readonly string[] },
): GatewayPlan {
  const { name, namespace } = gateway;
  const object = observed.gateways.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
  const modelName = modelNameOf(deployment, observed);
  const ownRoute = (deployment.spec.gateway?.httpRouteRef ?? '') === '';
  const perDeployment = settings.picker.perDeployment;
  const managed = observed.managedPool;
  const allowed = settings.patchAllowedRoutes ? allowedRoutesChild(object, observed.namespaces) : undefined;
  return {
    apply: [
      ...(allowed === undefined ? [] : [allowed]),
      ...(managed === undefined
        ? poolChildren(deployment, observed, { settings, dialect })
        : grantChildren(deployment, managed)),
      ...(ownRoute ? [routeChild(deployment, { name, namespace }, settings, modelName, managed?.metadata)] : []),
    ],
    remove: owned(deployment, observed, [
      ...(ownRoute ? [] : [HTTPRoute]),
      ...(managed === undefined ? [] : [InferencePool]),
      ...(managed === undefined && perDeployment !== undefined ? [] : pickerKinds),
    ]),
    verdict: (failedWrites) => {
      const problem = writeProblem(failedWrites);
      if (problem !== undefined) return { conditions: [problem] };
      const endpoint = addressOf(object);
      const also =
        gateway.also.length === 0 ? '' : `; ${gateway.also.join(', ')} carry the label, too, and are not used`;
      return {
        conditions: [
          holds('GatewayReady', 'GatewayConfigured', `${createdText(ownRoute, managed !== undefined)}${also}`),
        ],
        status: {
          ...(endpoint === undefined ? {} : { endpoint }),
          modelName,
          gatewayNamespace: namespace,
          ready: true,
        },
      };
    },
  };
}

function createdText(ownRoute: boolean, managedPool: boolean): string {
  const created = [...(managedPool ? [] : ['InferencePool']), ...(ownRoute ? ['HTTPRoute'] : [])];
  return created.length === 0 ? 'the pool is the provider’s, the route the user’s' : `${created.join(' and ')} created`;
}

/** The pool, what makes it select the pods, and its picker. */
function poolChildren(
  deployment: ModelDeployment,
  { pods, capability, service }: GatewayObserved,
  { settings, dialect }: PlanContext,
): Child[] {
  const { servicePort, perDeployment } = settings.picker;
  return [
    ...podLabelChildren(deployment, pods, dialect),
    ...(perDeployment === undefined
      ? []
      : pickerChildren(deployment, dialect, servicePort, perDeployment.image, capability)),
    poolChild(deployment, dialect, settings, targetPortOf(deployment, service)),
  ];
}

/** The name by which requests ask for the model (airunway.md 4.1.7). */
function modelNameOf({ spec }: ModelDeployment, { capability, probed }: GatewayObserved): string {
  const servedName = capability?.gateway?.ignoresServedName === true ? '' : (spec.model.servedName ?? '');
  return spec.gateway?.modelName || servedName || probed || (spec.model.id ?? '');
}

/** Whether the name has to be asked from the server: the user has not said it. */
export function needsProbe({ spec }: ModelDeployment, capability: EngineCapability | undefined): boolean {
  const ignoresServedName = capability?.gateway?.ignoresServedName === true;
  return (spec.gateway?.modelName ?? '') === '' && (ignoresServedName || (spec.model.servedName ?? '') === '');
}

/** Somebody else's pool or route of our name is left alone. */
function takenBy(deployment: ModelDeployment, observed: GatewayObserved) {
  const { name } = deployment.metadata;
  for (const [kind, reason] of [
    [InferencePool, 'InferencePoolFailed'],
    [HTTPRoute, 'HTTPRouteFailed'],
  ] as const) {
    if (kind === HTTPRoute && (deployment.spec.gateway?.httpRouteRef ?? '') !== '') continue;
    if (kind === InferencePool && observed.managedPool !== undefined) continue;
    const object = observed.existing(kind, name);
    const owner = object === undefined ? undefined : controllerOf(object);
    if (owner === undefined || owner.uid === deployment.metadata.uid) continue;
    const message = `${kind.kind} ${name} is controlled by ${owner.kind} ${owner.name}: delete or rename one of them`;
    return failed('GatewayReady', reason, message);
  }
  return undefined;
}

/** What a failed write of a kind means; later ones only where none of the earlier has failed. */
const reasons: readonly { readonly kinds: readonly Kind[]; readonly reason: string }[] = [
  { kinds: [InferencePool, ReferenceGrant], reason: 'InferencePoolFailed' },
  { kinds: [HTTPRoute], reason: 'HTTPRouteFailed' },
  { kinds: [Gateway], reason: 'GatewayPatchFailed' },
];

function writeProblem(failedWrites: readonly WriteFailure[]) {
  for (const { kinds, reason } of reasons) {
    const failure = failedWrites.find(({ child }) => kinds.includes(child.kind));
    if (failure !== undefined) return failed('GatewayReady', reason, describeFailure(failure));
  }
  // The provider's objects may be of the same kinds: a picker's are told by their names.
  const picker = failedWrites.find(({ child }) => pickerKinds.includes(child.kind) && child.ref.name.endsWith('-epp'));
  return picker === undefined ? undefined : failed('GatewayReady', 'EPPFailed', describeFailure(picker));
}

function disabled(deployment: ModelDeployment, observed: GatewayObserved): GatewayPlan {
  const remove = owned(deployment, observed, [InferencePool, HTTPRoute, ...pickerKinds]);
  const was = deployment.status?.gateway !== undefined || remove.length > 0;
  const told = deployment.status?.conditions?.some(({ type }) => type === 'GatewayReady') === true;
  if (!was && !told) return nothing();
  const verdict: GatewayVerdict = {
    conditions: [failed('GatewayReady', 'GatewayDisabled', 'Gateway resources cleaned up')],
    forget: true,
  };
  return { apply: [], remove, verdict: () => verdict };
}

/** The deployment's own objects among those of its names. */
function owned(
  deployment: ModelDeployment,
  observed: GatewayObserved,
  kinds: readonly Kind[],
): { kind: Kind; ref: ObjectRef }[] {
  const { name } = deployment.metadata;
  return kinds.flatMap((kind) =>
    [name, `${name}-epp`].flatMap((candidate) => {
      const object = observed.existing(kind, candidate);
      const isPicker = candidate !== name;
      if (object === undefined || isPicker !== pickerKinds.includes(kind)) return [];
      return isControlledBy(object, deployment) ? [{ kind, ref: object.metadata }] : [];
    }),
  );
}
