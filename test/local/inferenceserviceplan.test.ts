import { describe, expect, test } from 'vitest';
import type { Deployment } from '../../src/kinds/apps/deployment.ts';
import type { InferenceService } from '../../src/kinds/kserve/inferenceservice.ts';
import type { ServingRuntime } from '../../src/kinds/kserve/servingruntime.ts';
import { planInferenceService, type InferenceServiceView } from '../../src/local/inferenceserviceplan.ts';
import { container, pod } from './objects.ts';

type Predictor = InferenceService['spec']['predictor'];

const now = new Date('2026-01-02T00:00:00Z');

function service(predictor: Predictor, more: Partial<InferenceService> = {}): InferenceService {
  return {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: { name: 'chat', namespace: 'ml', uid: 'u1', generation: 2, labels: { team: 'a' } },
    spec: { predictor },
    ...more,
  };
}

function runtime(name: string, spec: Partial<ServingRuntime['spec']> = {}): ServingRuntime {
  return {
    apiVersion: 'serving.kserve.io/v1alpha1',
    kind: 'ServingRuntime',
    metadata: { name, namespace: 'ml' },
    spec: {
      supportedModelFormats: [{ name: 'aim', version: '1', autoSelect: true }],
      containers: [
        {
          name: 'kserve-container',
          image: 'runtime',
          args: ['--name={{.Name}}', '--team={{.Labels.team}}'],
          env: [
            { name: 'A', value: '1' },
            { name: 'B', value: '1' },
          ],
          ports: [{ containerPort: 8000 }],
        },
      ],
      ...spec,
    },
  };
}

const view = (more: Partial<InferenceServiceView> = {}): InferenceServiceView => ({
  runtimes: [],
  deployment: undefined,
  pods: [],
  now,
  ...more,
});

const containers = [container({ name: 'kserve-container', ports: [{ containerPort: 8000 }] })];
const model: Predictor = { model: { modelFormat: { name: 'aim', version: '1' } } };

describe('a predictor with containers', () => {
  const plan = planInferenceService(
    service({
      containers,
      minReplicas: 3,
      maxReplicas: 5,
      labels: { tier: 'x' },
      annotations: { note: 'y' },
      volumes: [{ name: 'v' }],
      serviceAccountName: 'sa',
    }),
    view(),
  );

  test('becomes a Deployment and a Service of its own', () => {
    const owner = { kind: 'InferenceService', name: 'chat', uid: 'u1', controller: true };
    expect(plan.children?.deployment).toMatchObject({
      metadata: { name: 'chat-predictor', namespace: 'ml', ownerReferences: [owner] },
      spec: { replicas: 3, selector: { matchLabels: { app: 'isvc.chat-predictor' } } },
    });
    expect(plan.children?.service).toMatchObject({
      metadata: { name: 'chat-predictor', namespace: 'ml', ownerReferences: [owner] },
      spec: { selector: { app: 'isvc.chat-predictor' }, ports: [{ port: 80, targetPort: 8000 }] },
    });
  });

  test('hands on its labels and the fields of a pod, and nothing else', () => {
    const template = plan.children?.deployment.spec.template;
    expect(template?.metadata).toEqual({
      labels: {
        team: 'a',
        tier: 'x',
        app: 'isvc.chat-predictor',
        component: 'predictor',
        'serving.kserve.io/inferenceservice': 'chat',
      },
      annotations: { note: 'y' },
    });
    expect(Object.keys(template?.spec ?? {}).toSorted()).toEqual(['containers', 'serviceAccountName', 'volumes']);
  });

  test('is probed where its server listens, unless it says how', () => {
    const [probed] = plan.children?.deployment.spec.template.spec?.containers ?? [];
    expect(probed?.readinessProbe).toMatchObject({ tcpSocket: { port: 8000 } });
    const own = { httpGet: { port: 1 } };
    const other = planInferenceService(service({ containers: [container({ readinessProbe: own })] }), view());
    expect(other.children?.deployment.spec.template.spec?.containers[0]?.readinessProbe).toEqual(own);
  });

  test('has one replica, and port 8080, unless it says otherwise', () => {
    const { children } = planInferenceService(service({ containers: [container()] }), view());
    expect(children?.deployment.spec.replicas).toBe(1);
    expect(children?.service.spec.ports?.[0]?.targetPort).toBe(8080);
  });
});

describe('a predictor with a model', () => {
  test('runs the container of its runtime with what the model sets', () => {
    const { children } = planInferenceService(
      service({
        model: {
          modelFormat: { name: 'aim' },
          runtime: 'r',
          env: [
            { name: 'B', value: '2' },
            { name: 'C', value: '2' },
          ],
        },
      }),
      view({ runtimes: [runtime('other'), runtime('r')] }),
    );
    expect(children?.deployment.spec.template.spec?.containers[0]).toMatchObject({
      name: 'kserve-container',
      image: 'runtime',
      args: ['--name=chat', '--team=a'],
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
        { name: 'C', value: '2' },
      ],
    });
    expect(children?.service.spec.ports?.[0]?.targetPort).toBe(8000);
  });

  test('without a runtime gets the one of highest priority that supports its format', () => {
    const formats = (priority: number, name = 'aim') => ({
      supportedModelFormats: [{ name, autoSelect: true, priority }],
      containers: [container({ image: `p${String(priority)}` })],
    });
    const runtimes = [runtime('a', formats(1)), runtime('b', formats(2)), runtime('c', formats(3, 'onnx'))];
    const { children } = planInferenceService(service(model), view({ runtimes }));
    expect(children?.deployment.spec.template.spec?.containers[0]?.image).toBe('p2');
  });

  test.each<[string, Predictor, ServingRuntime[], string]>([
    ['no such runtime', { model: { modelFormat: { name: 'aim' }, runtime: 'r' } }, [], 'RuntimeNotRecognized'],
    ['nothing for the format', model, [runtime('r', { supportedModelFormats: [] })], 'NoSupportingRuntime'],
    [
      'the runtime is disabled',
      { model: { modelFormat: { name: 'aim' }, runtime: 'r' } },
      [runtime('r', { disabled: true })],
      'RuntimeDisabled',
    ],
    [
      'storage that the node does not fetch',
      { model: { modelFormat: { name: 'aim' }, storageUri: 's3://a/b' } },
      [runtime('r')],
      'InvalidPredictorSpec',
    ],
    ['neither model nor containers', {}, [], 'InvalidPredictorSpec'],
  ])('%s: nothing is made, and the status says why', (_what, predictor, runtimes, reason) => {
    const { children, status } = planInferenceService(service(predictor), view({ runtimes }));
    expect(children).toBeUndefined();
    expect(status.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'False', reason });
    expect(status.modelStatus).toMatchObject({ transitionStatus: 'InvalidSpec', lastFailureInfo: { reason } });
    expect(status.url).toBeUndefined();
  });

  test('a transformer is refused, not left out', () => {
    const { children, status } = planInferenceService(
      { ...service({ containers }), spec: { predictor: { containers }, transformer: { containers: [] } } },
      view(),
    );
    expect(children).toBeUndefined();
    expect(status.modelStatus?.lastFailureInfo?.message).toBe('the embedded node does not run spec.transformer');
  });
});

describe('the status', () => {
  const deployment = (available: 'True' | 'False', observedGeneration = 1): Deployment => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'chat-predictor', generation: 1 },
    spec: { selector: {}, template: {} },
    status: { observedGeneration, conditions: [{ type: 'Available', status: available, reason: 'Why' }] },
  });
  const readyOf = (one: InferenceService, more: Partial<InferenceServiceView>) =>
    planInferenceService(one, view(more)).status.conditions?.find(({ type }) => type === 'Ready');

  test('is ready when the Deployment is available', () => {
    const { status } = planInferenceService(service({ containers }), view({ deployment: deployment('True') }));
    expect(status).toMatchObject({
      observedGeneration: 2,
      url: 'http://chat-predictor.ml.svc.cluster.local',
      address: { url: 'http://chat-predictor.ml.svc.cluster.local' },
      modelStatus: { transitionStatus: 'UpToDate', states: { targetModelState: 'Loaded' } },
    });
    expect(status.conditions?.map(({ type, status: is }) => `${type}=${is}`)).toEqual([
      'IngressReady=True',
      'PredictorReady=True',
      'Ready=True',
    ]);
  });

  test('is not ready while the Deployment is not, or speaks of an older generation', () => {
    expect(readyOf(service({ containers }), {})).toMatchObject({ status: 'False', reason: 'DeploymentNotReady' });
    expect(readyOf(service({ containers }), { deployment: deployment('False') })).toMatchObject({ reason: 'Why' });
    expect(readyOf(service({ containers }), { deployment: deployment('True', 0) })?.status).toBe('False');
  });

  test('tells of a container that fails, and keeps when that was', () => {
    const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 10s' };
    const lastState = { terminated: { exitCode: 7, message: 'out of memory' } };
    const failing = pod('chat-1', {
      status: {
        containerStatuses: [
          {
            name: 'kserve-container',
            image: '',
            imageID: '',
            ready: false,
            restartCount: 1,
            state: { waiting },
            lastState,
          },
        ],
      },
    });
    const { status } = planInferenceService(service({ containers }), view({ pods: [failing] }));
    const failure = {
      reason: 'ModelLoadFailed',
      message: 'back-off 10s; out of memory',
      location: 'chat-1',
      exitCode: 7,
      time: '2026-01-02T00:00:00Z',
    };
    expect(status.modelStatus).toMatchObject({ transitionStatus: 'BlockedByFailedLoad', lastFailureInfo: failure });
    const later = planInferenceService(
      service({ containers }, { status }),
      view({ pods: [failing], now: new Date('2026-01-02T01:00:00Z') }),
    );
    expect(later.status).toEqual(status);
  });

  test('forgets a failure that is over', () => {
    const before = { modelStatus: { lastFailureInfo: { reason: 'ModelLoadFailed', message: 'm' } } };
    const { status } = planInferenceService(
      service({ containers }, { status: before }),
      view({ deployment: deployment('True') }),
    );
    expect(status.modelStatus?.lastFailureInfo).toBeUndefined();
  });
});
