import { expect, test } from 'vitest';
import { planProvider, type Existing } from '../../../src/controllers/airunway/providerplan.ts';
import { kaito } from '../../../src/controllers/airunway/providers/kaito.ts';
import { providers } from '../../../src/controllers/airunway/providers/index.ts';
import { vllm } from '../../../src/controllers/airunway/providers/vllm.ts';
import { kubeairunway } from '../../../src/kinds/airunway/dialect.ts';
import type { ModelDeployment } from '../../../src/kinds/airunway/modeldeployment.ts';
import { deployment } from './objects.ts';

/** What is the same with all providers (airunway.md 5.1). */

type Spec = Partial<ModelDeployment['spec']>;

const none: Existing = () => undefined;
const plan = (spec: Spec, existing: Existing = none, served = true, provider = vllm) =>
  planProvider(provider, { deployment: deployment(spec), engine: 'vllm', dialect: kubeairunway }, existing, served);
const condition = ({ conditions }: ReturnType<typeof plan>, type: string) =>
  conditions.find((candidate) => candidate.type === type);

const owner = (uid: string, controller = true) => ({
  apiVersion: 'kubeairunway.ai/v1alpha1',
  kind: 'ModelDeployment',
  name: 'qwen3',
  uid,
  controller,
});

test('what is made waits for its pods', () => {
  const made = plan({});
  expect(made.apply.map(({ kind, object }) => `${kind.kind} ${object.metadata.name}`)).toEqual([
    'Deployment qwen3',
    'Service qwen3',
  ]);
  expect(made.apply.every(({ owned }) => owned)).toBe(true);
  expect(made.status).toEqual({ phase: 'Deploying', message: 'Deployment created, waiting for pods to be ready' });
  expect(made.resource).toEqual({ resourceName: 'qwen3', resourceKind: 'Deployment' });
  expect(condition(made, 'Ready')).toMatchObject({ status: 'False', reason: 'DeploymentInProgress' });
});

test.each([
  ['of somebody who does not control it', []],
  ['of another deployment', [owner('uid-other')]],
  ['of one that is only mentioned', [owner('uid-qwen3', false)]],
])('an object of the same name %s is a conflict, and is left alone', (_name, ownerReferences) => {
  const conflict = plan({}, (made) => ({
    apiVersion: 'v1',
    kind: made.kind.kind,
    metadata: { name: made.name, namespace: 'default', ownerReferences },
  }));
  const message = 'resource default/qwen3 exists but is not managed by this ModelDeployment';
  expect(conflict.apply).toEqual([]);
  expect(conflict.status).toEqual({ phase: 'Failed', message });
  for (const type of ['ResourceCreated', 'Ready']) {
    expect(condition(conflict, type)).toMatchObject({ status: 'False', reason: 'ResourceConflict', message });
  }
});

test('a Service of somebody else is a conflict, too', () => {
  const conflict = plan({}, (made) =>
    made.kind.kind === 'Service' ? { apiVersion: 'v1', kind: 'Service', metadata: { name: made.name } } : undefined,
  );
  expect(conflict.apply).toEqual([]);
  expect(condition(conflict, 'ResourceCreated')).toMatchObject({ reason: 'ResourceConflict' });
});

test('overrides are merged over the object, lists and values replaced', () => {
  const overrides = {
    spec: {
      strategy: { type: 'Recreate' },
      template: { spec: { terminationGracePeriodSeconds: 7, containers: [{ name: 'mine' }] } },
    },
  };
  const [child, service] = plan({ provider: { name: 'vllm', overrides } }).apply;
  expect(child?.object).toMatchObject({
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      template: {
        metadata: { labels: {} },
        spec: { terminationGracePeriodSeconds: 7, containers: [{ name: 'mine' }] },
      },
    },
  });
  expect(service?.object['spec']).not.toHaveProperty('strategy');
});

test('overrides of an object that has its fields at the root', () => {
  const overrides = {
    resource: { instanceType: 'Standard_NC24' },
    inference: { preset: { presetOptions: { image: 'x' } } },
  };
  const [child] = plan({ provider: { name: 'kaito', overrides } }, none, true, kaito).apply;
  expect(child?.object).toMatchObject({
    resource: { count: 1, instanceType: 'Standard_NC24' },
    inference: { preset: { name: 'Qwen/Qwen3-0.6B', presetOptions: { image: 'x' } } },
  });
});

test.each(['apiVersion', 'kind', 'metadata', 'status'])('%s is nobody’s to override', (field) => {
  const refused = plan({ provider: { name: 'vllm', overrides: { [field]: {} } } });
  expect(refused.apply).toEqual([]);
  expect(refused.status.phase).toBe('Failed');
  expect(condition(refused, 'ResourceCreated')).toMatchObject({
    status: 'False',
    reason: 'TransformFailed',
    message: `Failed to generate Deployment resources: spec.provider.overrides.${field} may not be overridden`,
  });
});

test('without the kinds of its operator it waits, and says what is missing', () => {
  const waiting = plan({}, none, false, kaito);
  expect(waiting.apply).toEqual([]);
  expect(waiting.status.phase).toBe('Pending');
  expect(condition(waiting, 'ResourceCreated')).toMatchObject({
    reason: 'CreateFailed',
    message:
      'the API does not serve workspaces.kaito.sh: install what kaito needs (https://kaito-project.github.io/kaito/docs/)',
  });
});

test('fields that have no effect are named', () => {
  const told = plan({ engine: { extraArgs: ['--x'] } }, none, true, kaito);
  expect(condition(told, 'ProviderCompatible')?.message).toBe(
    'Configuration compatible with kaito; ignored: spec.engine.extraArgs',
  );
});

test('every provider has a name, documentation, engines and a kind of its own', () => {
  expect(new Set(providers.map(({ name }) => name)).size).toBe(providers.length);
  for (const { documentation, engines } of providers) {
    expect(documentation).toMatch(/^https:/);
    expect(engines.length).toBeGreaterThan(0);
  }
});
