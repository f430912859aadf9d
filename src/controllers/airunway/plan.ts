import type { InferenceProviderConfig } from '../../kinds/airunway/inferenceproviderconfig.ts';
import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import { keyOf, type Condition } from '../../kinds/object.ts';
import { setCondition, type ConditionUpdate } from '../../kube/conditions.ts';
import type { Child } from '../../reconcile/children.ts';
import { describeFailure, type WriteFailure } from '../../reconcile/failures.ts';
import type { Plan, Verdict } from '../../reconcile/pass.ts';
import type { PlannedEvent } from '../../reconcile/pass.ts';
import { failed, type Decision } from './decision.ts';
import { planGateway, type GatewayObserved } from './gatewayplan.ts';
import { planProvider, type Existing } from './providerplan.ts';
import type { Provider } from './providers/provider.ts';
import type { PlanContext } from './settings.ts';

/** What is read before a deployment is planned. */
export interface Observed {
  readonly providers: readonly InferenceProviderConfig[];
  readonly decision: Decision;
  /** The provider that was decided on, where it is one of ours: other processes do the work of the others. */
  readonly own:
    | {
        readonly provider: Provider;
        readonly served: boolean;
        readonly existing: Existing;
        /** Why its pods do not run. */
        readonly problem?: string | undefined;
      }
    | undefined;
  readonly gateway: GatewayObserved;
}

/** Kinds that are not installed are looked for again: in the caches, the API is not asked. */
const unservedRetryMs = 10_000;

type Status = NonNullable<ModelDeployment['status']>;
type Update = Omit<ConditionUpdate, 'observedGeneration'>;

/** From what a deployment declares and what there is, to what should be there and what its status says. */
export function planDeployment(
  deployment: ModelDeployment,
  observed: Observed,
  context: PlanContext,
): Plan<ModelDeployment> {
  const { decision } = observed;
  const before = deployment.status ?? {};
  const status: Status = {
    ...before,
    phase: before.phase ?? 'Pending',
    ...decision.status,
    provider: { ...before.provider, ...decision.status.provider },
    observedGeneration: deployment.metadata.generation ?? 0,
  };
  if (decision.status.provider === undefined && before.provider === undefined) delete status.provider;
  if (decision.stopped !== undefined) {
    const { message, phase = status.phase } = decision.stopped;
    return settled(deployment, { ...status, message, ...(phase === undefined ? {} : { phase }) }, decision.conditions);
  }
  const updates: Update[] = [...decision.conditions];
  const made = providerPart(deployment, observed, context);
  if (made !== undefined) {
    Object.assign(status, made.status);
    updates.push(...made.conditions);
  } else {
    forgetRefusals(status);
  }
  const gateway = planGateway({ ...deployment, status }, observed.gateway, context);
  return {
    apply: [...(made?.apply ?? []), ...gateway.apply],
    remove: gateway.remove,
    requeueAfterMs: observed.gateway.served && observed.own?.served !== false ? undefined : unservedRetryMs,
    status: (failedWrites, now) => {
      const verdict = gateway.verdict(failedWrites);
      const failures = made === undefined ? [] : failuresOf(made.apply, failedWrites);
      const next = { ...status, ...(failures.length === 0 ? {} : { message: failures.join('; ') }) };
      const unmade = failures.map((message) => failed('ResourceCreated', 'CreateFailed', message));
      if (verdict.status !== undefined) next.gateway = verdict.status;
      else if (verdict.forget === true) delete next.gateway;
      return conclude(deployment, next, [...updates, ...unmade.slice(0, 1), ...verdict.conditions], now);
    },
  };
}

function providerPart(deployment: ModelDeployment, { own, decision }: Observed, { dialect }: PlanContext) {
  const { engine } = decision;
  if (own === undefined || engine === undefined) return undefined;
  const { provider, served, existing, problem } = own;
  const plan = planProvider(provider, { deployment, engine, dialect }, existing, served, problem);
  const before = deployment.status?.provider;
  return {
    ...plan,
    status: { ...plan.status, provider: { ...before, ...decision.status.provider, ...plan.resource } },
  };
}

/** What this controller said of an earlier try does not stay when it no longer holds. */
function forgetRefusals(status: Status): void {
  if (!/^(Engine selection|Validation|Provider selection) failed: /.test(status.message ?? '')) return;
  delete status.message;
  if (status.phase === 'Failed') status.phase = 'Pending';
}

/** The failed writes that concern these objects. */
function failuresOf(children: readonly Child[], failedWrites: readonly WriteFailure[]): string[] {
  const isOf = ({ child, action }: WriteFailure): boolean =>
    action !== 'delete' &&
    children.some(({ kind, object }) => kind === child.kind && keyOf(object.metadata) === keyOf(child.ref));
  return failedWrites.filter(isOf).map(describeFailure);
}

function settled(deployment: ModelDeployment, status: Status, updates: readonly Update[]): Plan<ModelDeployment> {
  return { apply: [], status: (_failedWrites, now) => conclude(deployment, status, updates, now) };
}

function conclude(
  { metadata }: ModelDeployment,
  status: Status,
  updates: readonly Update[],
  now: Date,
): Verdict<ModelDeployment> {
  const observedGeneration = metadata.generation ?? 0;
  const before = status.conditions ?? [];
  let conditions = before;
  for (const update of updates) conditions = setCondition(conditions, { ...update, observedGeneration }, now);
  return { status: { ...status, conditions }, events: eventsOf(before, conditions) };
}

/** Told in events: what is wrong now and was not before, and when the servers or the Gateway have become ready. */
function eventsOf(before: readonly Condition[], conditions: readonly Condition[]): PlannedEvent[] {
  const changed = ({ type, status, reason }: Condition): boolean => {
    const previous = before.find((condition) => condition.type === type);
    return previous?.status !== status || previous.reason !== reason;
  };
  return conditions.filter(changed).flatMap(({ type, status, reason, message }): PlannedEvent[] => {
    if (status === 'False') return reason === 'DeploymentInProgress' ? [] : [{ type: 'Warning', reason, message }];
    return type === 'Ready' || type === 'GatewayReady' ? [{ type: 'Normal', reason, message }] : [];
  });
}
