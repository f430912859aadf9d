import { Counter, Gauge, Histogram, Registry } from '../../telemetry/prometheus.ts';
import type { AirunwayDialect } from '../../kinds/airunway/dialect.ts';
import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import { phases } from '../../kinds/airunway/modeldeploymentschema.ts';
import type { Condition } from '../../kinds/object.ts';
import type { Informer } from '../../kube/informer.ts';

/** Metrics of the controllers of one group (airunway.md 3.9), read from what happens to the deployments. */
export interface AirunwayMetrics {
  /** A pass over one deployment took so long. */
  passed(deployment: ModelDeployment, seconds: number): void;
  /** The text of the Prometheus exposition format. */
  render(): Promise<string>;
  stop(): void;
}

const lifeBuckets = [10, 30, 60, 120, 300, 600, 900, 1200, 1800, 2700, 3600];
const errorTypes = ['validation', 'engine_selection', 'provider_selection', 'provider_change', 'gateway'] as const;
const replicaStates = ['desired', 'ready', 'available'] as const;

/** Label of deployments for which nobody has been chosen. */
const nobody = 'none';
const providerOf = ({ status }: ModelDeployment): string => status?.provider?.name ?? nobody;

export function createAirunwayMetrics(
  { name: prefix }: AirunwayDialect,
  deployments: Informer<ModelDeployment>,
  now: () => Date = () => new Date(),
): AirunwayMetrics {
  const registry = new Registry();
  const options = <L extends string>(name: string, help: string, labelNames: readonly L[]) => ({
    name: `${prefix}_${name}`,
    help,
    labelNames,
    registers: [registry],
  });
  const passes = new Histogram(
    options('reconciliation_duration_seconds', 'Time of a pass over a deployment.', ['provider']),
  );
  const errors = new Counter(
    options('reconciliation_errors_total', 'Times that deployments got into an error.', ['provider', 'error_type']),
  );
  const selections = new Counter(
    options('provider_selection_total', 'Providers chosen for deployments.', ['provider', 'reason']),
  );
  const transitions = new Counter(
    options('deployment_phase_transitions_total', 'Changes of phase.', ['provider', 'from_phase', 'to_phase']),
  );
  const toRunning = new Histogram({
    ...options('deployment_ready_duration_seconds', 'From creation until a deployment first runs.', ['provider']),
    buckets: lifeBuckets,
  });
  const toDeploying = new Histogram({
    ...options('deployment_provision_duration_seconds', 'From creation until its servers are first being made.', [
      'provider',
    ]),
    buckets: lifeBuckets,
  });
  new Gauge({
    ...options('deployment_replicas', 'Replicas of all deployments.', ['provider', 'state']),
    collect() {
      this.reset();
      for (const deployment of deployments.list()) {
        for (const state of replicaStates) {
          this.inc({ provider: providerOf(deployment), state }, deployment.status?.replicas?.[state] ?? 0);
        }
      }
    },
  });
  new Gauge({
    ...options('deployment_status', 'Deployments in each phase.', ['provider', 'phase']),
    collect() {
      this.reset();
      for (const deployment of deployments.list()) {
        const provider = providerOf(deployment);
        for (const phase of phases) this.inc({ provider, phase }, phase === deployment.status?.phase ? 1 : 0);
      }
    },
  });

  const known = new Set<string>();
  const meet = (provider: string): void => {
    if (known.has(provider)) return;
    known.add(provider);
    for (const error_type of errorTypes) errors.inc({ provider, error_type }, 0);
    for (const reason of ['manual', 'auto']) selections.inc({ provider, reason }, 0);
  };

  /** Deployments, by uid, that have been made or have run once: later changes of phase are no start. */
  const provisioned = new Set<string>();
  const run = new Set<string>();
  const markReached = ({ metadata: { uid = '' }, status }: ModelDeployment): void => {
    const { phase = 'Pending' } = status ?? {};
    if (phase !== 'Pending') provisioned.add(uid);
    if (phase === 'Running') run.add(uid);
  };

  const follow = (object: ModelDeployment, previous: ModelDeployment): void => {
    const provider = providerOf(object);
    meet(provider);
    if (previous.status?.provider?.name === undefined && object.status?.provider?.name !== undefined) {
      const manual = object.status.provider.selectedReason === 'explicit provider selection';
      selections.inc({ provider, reason: manual ? 'manual' : 'auto' });
    }
    for (const error_type of errorsIn(object.status?.conditions, previous.status?.conditions)) {
      errors.inc({ provider, error_type });
    }
    const from = previous.status?.phase ?? 'Pending';
    const to = object.status?.phase ?? 'Pending';
    if (from === to) return;
    transitions.inc({ provider, from_phase: from, to_phase: to });
    const uid = object.metadata.uid ?? '';
    const age = (now().getTime() - Date.parse(object.metadata.creationTimestamp ?? '')) / 1000;
    if (to === 'Deploying' && !provisioned.has(uid)) toDeploying.observe({ provider }, age);
    if (to === 'Running' && !run.has(uid)) toRunning.observe({ provider }, age);
    if (to === 'Deploying' || to === 'Running') provisioned.add(uid);
    if (to === 'Running') run.add(uid);
  };
  const stop = deployments.onChange((change) => {
    const { object, previous, deleted } = change;
    const uid = object.metadata.uid ?? '';
    if (deleted) for (const reached of [provisioned, run]) reached.delete(uid);
    // What is there when this process starts has been counted by the one before.
    else if (previous === undefined) markReached(object);
    else follow(object, previous);
  });

  return {
    passed: (deployment, seconds) => {
      meet(providerOf(deployment));
      passes.observe({ provider: providerOf(deployment) }, seconds);
    },
    render: () => registry.metrics(),
    stop,
  };
}

type ErrorType = (typeof errorTypes)[number];

/** The errors that are there now and were not before. */
function errorsIn(now: readonly Condition[] = [], before: readonly Condition[] = []): ErrorType[] {
  return now.flatMap((condition) => {
    const error = errorOf(condition);
    const previous = before.find(({ type }) => type === condition.type);
    return error === undefined || (previous !== undefined && errorOf(previous) === error) ? [] : [error];
  });
}

function errorOf({ type, status, reason }: Condition): ErrorType | undefined {
  if (status !== 'False') return undefined;
  if (type === 'Validated') return 'validation';
  if (type === 'EngineSelected') return 'engine_selection';
  if (type === 'ProviderSelected') {
    return reason === 'ProviderChangeNotSupported' ? 'provider_change' : 'provider_selection';
  }
  return type === 'GatewayReady' && reason !== 'GatewayDisabled' ? 'gateway' : undefined;
}
