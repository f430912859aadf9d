import type { Condition } from '../../kinds/object.ts';
import type { Category, Failure } from './failures.ts';
import { timestamp } from '../../kinds/timestamp.ts';
import { describeFailure, type WriteFailure } from '../../reconcile/failures.ts';

/** From the health of an object's parts to its conditions and its root status (aim.md 3.4, 3.5). */

export type State =
  'Running' | 'Ready' | 'Progressing' | 'Starting' | 'Pending' | 'Degraded' | 'NotAvailable' | 'Failed';

const goodness: Readonly<Record<State, number>> = {
  Running: 7,
  Ready: 6,
  Progressing: 5,
  Starting: 4,
  Pending: 3,
  Degraded: 2,
  NotAvailable: 1,
  Failed: 0,
};

/** What a controller found out about one part of its object. What is not said is derived from the failures. */
export interface Component {
  /** Without the suffix `Ready` of its condition. */
  readonly name: string;
  readonly state?: State;
  readonly reason?: string;
  readonly message?: string;
  readonly failures?: readonly Failure[];
  /** Whether the object waits for it (Upstream), or makes it (Downstream). */
  readonly dependency?: 'Upstream' | 'Downstream';
}

export interface AssessedComponent extends Component {
  readonly state: State;
  readonly reason: string;
  readonly message: string;
  readonly failures: readonly Failure[];
}

/** A condition a controller sets beside those of its components. */
export type ExtraCondition = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

export interface Findings {
  readonly components: readonly Component[];
  readonly extra?: readonly ExtraCondition[];
  /** Names of components that could not be looked at in this pass: their conditions stay as they were. */
  readonly skipped?: readonly string[];
  /** Writes of children that failed. */
  readonly failedWrites?: readonly WriteFailure[];
}

export interface Assessment {
  readonly state: State;
  readonly conditions: Condition[];
  /** Components in an error state, to be told in events. */
  readonly alarms: readonly ExtraCondition[];
  /** Why the pass should be repeated with back-off; undefined: changes of other objects will wake us. */
  readonly retry: string | undefined;
}

const graceMs = 10_000;
const errorStates: ReadonlySet<State> = new Set<State>(['Failed', 'Degraded', 'NotAvailable']);
const ownStateCounts: ReadonlySet<State> = new Set<State>(['Failed', 'Degraded', 'NotAvailable', 'Pending']);

/**
 * Conditions of components that are no longer reported go, except those skipped: the root status would count them for ever
 * (trap 2). All conditions are computed before any is compared or written (trap 1).
 */
export function assess(findings: Findings, previous: readonly Condition[] = [], now = new Date()): Assessment {
  const { extra = [], skipped = [], failedWrites = [] } = findings;
  const components = findings.components.map(derive);
  const failures = components.flatMap((component) => component.failures);
  const has = (...categories: Category[]): Failure | undefined =>
    failures.find(({ category }) => categories.includes(category));
  const [failedWrite] = failedWrites;
  const unreachable =
    failedWrite === undefined ? has('Infrastructure', 'Unknown')?.message : describeFailure(failedWrite);
  const grace = unreachable !== undefined && inGrace(previous, now);

  const updates: ExtraCondition[] = [
    ...components.map((component) => conditionOf(component, grace ? previous : [])),
    ...previous.filter(({ type }) => skipped.some((name) => type === `${name}Ready`)),
    ...extra,
    ...crossCutting(previous, unreachable, has),
  ];
  const root = rootOf({ components, updates, unreachable, has });
  updates.push(root.ready);
  return {
    state: root.state,
    conditions: updates.map((update) => keepTime(update, previous, now)),
    alarms: components.filter(({ state }) => errorStates.has(state)).map((component) => conditionOf(component, [])),
    retry: unreachable,
  };
}

function derive(component: Component): AssessedComponent {
  const { failures = [] } = component;
  const [first] = failures;
  const state = component.state ?? stateOf(failures);
  return {
    ...component,
    failures,
    state,
    reason: component.reason ?? first?.reason ?? (state === 'Ready' ? 'Ready' : 'Progressing'),
    message: component.message ?? first?.message ?? '',
  };
}

function stateOf(failures: readonly Failure[]): State {
  const categories = new Set(failures.map(({ category }) => category));
  if (categories.size === 0) return 'Ready';
  if (categories.has('Auth') || categories.has('ResourceExhaustion') || categories.has('InvalidSpec')) return 'Failed';
  if (categories.has('MissingUpstream') || categories.has('Infrastructure')) return 'Degraded';
  return 'Progressing';
}

/** Dependencies have only just become unreachable: what worked is taken to work on. */
function inGrace(previous: readonly Condition[], now: Date): boolean {
  const reachable = previous.find(({ type }) => type === 'DependenciesReachable');
  if (reachable?.status !== 'False') return true;
  return now.getTime() - Date.parse(reachable.lastTransitionTime) < graceMs;
}

function conditionOf(component: AssessedComponent, graceful: readonly Condition[]): ExtraCondition {
  const { name, state, reason, message, failures } = component;
  const type = `${name}Ready`;
  const kept = failures.some(({ category }) => category === 'Infrastructure')
    ? graceful.find((condition) => condition.type === type)?.status
    : undefined;
  return { type, status: kept ?? (isGood(state) ? 'True' : 'False'), reason, message };
}

const isGood = (state: State): boolean => state === 'Ready' || state === 'Running';

type Has = (...categories: Category[]) => Failure | undefined;

/** Their good side is only told to those who were told the bad one. */
function crossCutting(previous: readonly Condition[], unreachable: string | undefined, has: Has): ExtraCondition[] {
  const auth = has('Auth');
  const invalid = has('InvalidSpec');
  const missing = has('MissingUpstream');
  const bad = (type: string, reason: string, message: string): ExtraCondition => ({
    type,
    status: 'False',
    reason,
    message,
  });
  const good = (type: string, reason: string, message: string): ExtraCondition[] =>
    previous.some((condition) => condition.type === type) ? [{ type, status: 'True', reason, message }] : [];
  const config = invalid ?? missing;
  return [
    ...(unreachable === undefined
      ? good('DependenciesReachable', 'Reachable', 'all dependencies are reachable')
      : [bad('DependenciesReachable', 'InfrastructureError', unreachable)]),
    ...(auth === undefined
      ? good('AuthValid', 'AuthenticationValid', 'authentication works')
      : [bad('AuthValid', 'AuthError', auth.message)]),
    ...(config === undefined
      ? good('ConfigValid', 'ConfigurationValid', 'the configuration is valid')
      : [bad('ConfigValid', invalid === undefined ? 'ReferenceNotFound' : 'InvalidSpec', config.message)]),
  ];
}

interface RootInput {
  components: readonly AssessedComponent[];
  updates: readonly ExtraCondition[];
  unreachable: string | undefined;
  has: Has;
}

function rootOf({ components, updates, unreachable, has }: RootInput): { state: State; ready: ExtraCondition } {
  const verdict = (state: State, reason: string, message: string) => ({
    state,
    ready: { type: 'Ready', status: isGood(state) ? ('True' as const) : ('False' as const), reason, message },
  });
  const auth = has('Auth');
  if (auth !== undefined) return verdict('Failed', 'AuthError', auth.message);
  const invalid = has('InvalidSpec');
  if (invalid !== undefined) return verdict('Failed', 'InvalidSpec', invalid.message);
  const missing = has('MissingUpstream');
  if (missing !== undefined) return verdict('Failed', 'ReferenceNotFound', missing.message);

  let worst: { state: State; of: ExtraCondition | undefined } = { state: 'Ready', of: undefined };
  for (const update of updates) {
    if (!update.type.endsWith('Ready')) continue;
    const state = countedState(update, components);
    if (goodness[state] < goodness[worst.state]) worst = { state, of: update };
  }
  const { state, of } = worst;
  if (state === 'Ready') return verdict('Ready', 'AllComponentsReady', 'all components are ready');
  if (unreachable !== undefined) return verdict('Degraded', 'InfrastructureError', unreachable);
  const message = `${of?.type ?? ''}: ${of?.message ?? ''}`;
  return verdict(state, errorStates.has(state) ? (of?.reason ?? 'Progressing') : 'Progressing', message);
}

/** What a condition contributes to the root status. */
function countedState(update: ExtraCondition, components: readonly AssessedComponent[]): State {
  if (update.status === 'True') return 'Ready';
  const component = components.find(({ name }) => update.type === `${name}Ready`);
  if (component === undefined) return 'Progressing';
  if (ownStateCounts.has(component.state)) return component.state;
  return component.dependency === 'Upstream' ? 'Pending' : 'Progressing';
}

/** The time of transition stays while status and reason do (aim.md 3.4). */
function keepTime(update: ExtraCondition, previous: readonly Condition[], now: Date): Condition {
  const { type, status, reason, message } = update;
  const before = previous.find((condition) => condition.type === type);
  const same = before?.status === status && before.reason === reason;
  return { type, status, reason, message, lastTransitionTime: same ? before.lastTransitionTime : timestamp(now) };
}
