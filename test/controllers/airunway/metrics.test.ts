import { afterAll, beforeAll, expect, test } from 'vitest';
import { AirunwayModelDeployment, ModelDeployment } from '../../../src/kinds/airunway/modeldeployment.ts';
import { Event } from '../../../src/kinds/core/event.ts';
import { HTTPRoute } from '../../../src/kinds/gateway/httproute.ts';
import { startAirunwayCluster, type AirunwayCluster } from './cluster.ts';

/** Metrics of airunway.md 3.9, and events. */

const ref = { namespace: 'default', name: 'qwen3' };
let cluster: AirunwayCluster;

beforeAll(async () => {
  cluster = await startAirunwayCluster();
  await cluster.deploy({});
  await cluster.eventually(ModelDeployment, ref, (object) => object?.status?.provider !== undefined);
  await cluster.run();
  await cluster.eventually(
    ModelDeployment,
    ref,
    (object) => object?.status?.conditions?.some(({ reason }) => reason === 'NoGateway') === true,
  );
  await cluster.gateway('gw');
  await cluster.eventually(HTTPRoute, ref, (object) => object !== undefined);
  const body = { status: { phase: 'Running', replicas: { desired: 3, ready: 2, available: 1 } } };
  await cluster.client.patch(ModelDeployment, ref, { type: 'merge', subresource: 'status', body });
  await cluster.deploy({}, 'later', AirunwayModelDeployment);
  await cluster.eventually(ModelDeployment, ref, (object) => object?.status?.replicas?.ready === 2);
  await cluster.eventually(
    AirunwayModelDeployment,
    { namespace: 'default', name: 'later' },
    (object) => object?.status?.provider !== undefined,
  );
});
afterAll(() => cluster.stop());

test('the metrics of both groups have the names, labels and values of what happened', async () => {
  const lines = (await cluster.metrics()).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'kubeairunway_provider_selection_total{provider="foreign",reason="manual"} 1',
      'kubeairunway_provider_selection_total{provider="foreign",reason="auto"} 0',
      'kubeairunway_deployment_phase_transitions_total{provider="foreign",from_phase="Pending",to_phase="Running"} 1',
      'kubeairunway_reconciliation_errors_total{provider="foreign",error_type="gateway"} 1',
      'kubeairunway_reconciliation_errors_total{provider="foreign",error_type="validation"} 0',
      'kubeairunway_deployment_replicas{provider="foreign",state="desired"} 3',
      'kubeairunway_deployment_replicas{provider="foreign",state="ready"} 2',
      'kubeairunway_deployment_replicas{provider="foreign",state="available"} 1',
      'kubeairunway_deployment_status{provider="foreign",phase="Running"} 1',
      'kubeairunway_deployment_status{provider="foreign",phase="Failed"} 0',
      'kubeairunway_deployment_ready_duration_seconds_count{provider="foreign"} 1',
      'kubeairunway_deployment_ready_duration_seconds_bucket{le="10",provider="foreign"} 1',
      'airunway_deployment_status{provider="foreign",phase="Pending"} 1',
      'airunway_provider_selection_total{provider="foreign",reason="manual"} 1',
    ]),
  );
  const passes = lines.find((line) => line.startsWith('kubeairunway_reconciliation_duration_seconds_count'));
  expect(Number(passes?.split(' ')[1])).toBeGreaterThan(0);
});

test('users are told in events what went wrong, and what is ready', async () => {
  const told = async (): Promise<string[]> => {
    const { items } = await cluster.client.list(Event, { namespace: 'default' });
    return items
      .filter(({ involvedObject }) => involvedObject.name === 'qwen3')
      .map(({ type, reason, message }) => `${type ?? ''} ${reason ?? ''}: ${message ?? ''}`)
      .toSorted();
  };
  await expect
    .poll(told, { timeout: 30_000 })
    .toEqual([
      'Normal GatewayConfigured: InferencePool and HTTPRoute created',
      'Warning NoGateway: no Gateway resources found in cluster',
    ]);
});
