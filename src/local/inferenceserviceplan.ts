import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import { Deployment } from '../kinds/apps/deployment.ts';
import type { Pod } from '../kinds/core/pod.ts';
import { Service } from '../kinds/core/service.ts';
import { ScaledObject } from '../kinds/keda/scaledobject.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import { apiGroup } from '../kinds/kserve/fields.ts';
import {
  InferenceService,
  type InferenceServicePredictor,
  type InferenceServiceStatus,
} from '../kinds/kserve/inferenceservice.ts';
import type { ServingRuntime } from '../kinds/kserve/servingruntime.ts';
import { ownerReferenceTo } from '../kube/owners.ts';
import { timestamp } from '../kinds/timestamp.ts';

/** What an InferenceService becomes, as KServe's Standard mode (RawDeployment) does it. Pure functions of what is there. */

export const serviceLabel = `${apiGroup}/inferenceservice`;
const servingContainer = 'kserve-container';
const defaultPort = 8080;

export interface InferenceServiceView {
  /** Runtimes that the service may use: those of its namespace, then those of the cluster. */
  runtimes: readonly ServingRuntime[];
  /** The Deployment that is there. */
  deployment: Deployment | undefined;
  /** The ScaledObject that is there. */
  scaledObject?: ScaledObject | undefined;
  /** The pods of the predictor. */
  pods: readonly Pod[];
  now: Date;
  /** Why the API has refused the Deployment or the Service. */
  refusal?: string;
}

export interface InferenceServicePlan {
  /** Absent when the specification cannot be run; the status says why. */
  children: Children | undefined;
  status: InferenceServiceStatus;
}

interface Children {
  deployment: Deployment;
  service: Service;
  /** Where KEDA is to scale the predictor. */
  scaledObject?: ScaledObject;
}

interface Failure {
  reason: string;
  message: string;
  location?: string;
  exitCode?: number;
}

export function predictorName({ metadata }: InferenceService): string {
  return `${metadata.name}-predictor`;
}

export function planInferenceService(service: InferenceService, view: InferenceServiceView): InferenceServicePlan {
  const template = podTemplate(service, view.runtimes);
  if ('reason' in template) {
    return { children: undefined, status: statusOf(service, view, { failure: template, invalid: true }) };
  }
  const children = childrenOf(service, template);
  if (view.refusal !== undefined) {
    const failure = { reason: 'InvalidPredictor', message: view.refusal };
    return { children, status: statusOf(service, view, { failure, invalid: true }) };
  }
  const failure = view.pods.map(failureOf).find((found) => found !== undefined);
  return { children, status: statusOf(service, view, { failure, invalid: false }) };
}

interface Template {
  spec: PodSpec;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  port: number;
}

/** Fields of a predictor that are KServe's own; all others are those of a pod. */
const ownFields = new Set(
  (
    'model minReplicas maxReplicas scaleTarget scaleMetric scaleMetricType autoScaling containerConcurrency timeout ' +
    'canaryTrafficPercent logger batcher labels annotations deploymentStrategy workerSpec'
  ).split(' '),
);

function podTemplate(service: InferenceService, runtimes: readonly ServingRuntime[]): Template | Failure {
  const { predictor, transformer, explainer } = service.spec;
  const unsupported = transformer !== undefined ? 'transformer' : explainer !== undefined ? 'explainer' : undefined;
  if (unsupported !== undefined) return invalid(`the embedded node does not run spec.${unsupported}`);
  const pod = withoutFields(predictor);
  if (predictor.model === undefined) {
    if ((predictor.containers ?? []).length === 0) {
      return invalid('spec.predictor needs containers, or a model with a serving runtime');
    }
    return finished(service, { ...pod, containers: predictor.containers ?? [] });
  }
  const { model } = predictor;
  if (model.storageUri !== undefined) {
    return invalid('the embedded node does not fetch spec.predictor.model.storageUri; mount a PersistentVolumeClaim');
  }
  const runtime = runtimeFor(model, runtimes);
  if ('reason' in runtime) return runtime;
  const { containers, volumes = [], nodeSelector, tolerations, imagePullSecrets = [], affinity } = runtime.spec;
  const serving = containers.find(({ name }) => name === servingContainer) ?? containers[0];
  if (serving === undefined) return invalid(`serving runtime "${runtime.metadata.name}" has no container`);
  const merged = mergeContainer(serving, model);
  const others = (predictor.containers ?? []).filter(({ name }) => name !== serving.name);
  return finished(service, {
    ...(affinity && { affinity }),
    ...pod,
    containers: [merged, ...containers.filter((container) => container !== serving), ...others].map((container) =>
      substituted(container, service),
    ),
    volumes: byKey([...volumes, ...(predictor.volumes ?? [])], ({ name }) => name),
    imagePullSecrets: byKey([...imagePullSecrets, ...(predictor.imagePullSecrets ?? [])], ({ name }) => name ?? ''),
    nodeSelector: { ...nodeSelector, ...predictor.nodeSelector },
    tolerations: [...(tolerations ?? []), ...(predictor.tolerations ?? [])],
  });
}

type Model = NonNullable<InferenceServicePredictor['model']>;

function runtimeFor(model: Model, runtimes: readonly ServingRuntime[]): ServingRuntime | Failure {
  if (model.runtime !== undefined) {
    const named = runtimes.find(({ metadata }) => metadata.name === model.runtime);
    if (named === undefined) {
      return {
        reason: 'RuntimeNotRecognized',
        message: `no runtime found with specified runtime name ${model.runtime}`,
      };
    }
    if (named.spec.disabled === true) {
      return { reason: 'RuntimeDisabled', message: `serving runtime ${model.runtime} is disabled` };
    }
    return named;
  }
  const priority = (runtime: ServingRuntime): number => formatOf(runtime, model)?.priority ?? 0;
  const [best] = runtimes
    .filter((runtime) => runtime.spec.disabled !== true && formatOf(runtime, model) !== undefined)
    .toSorted((a, b) => priority(b) - priority(a));
  const message = `no runtime found to support predictor with model type: ${model.modelFormat.name}`;
  return best ?? { reason: 'NoSupportingRuntime', message };
}

function formatOf({ spec }: ServingRuntime, { modelFormat }: Model) {
  return (spec.supportedModelFormats ?? []).find(
    ({ name, version, autoSelect }) =>
      autoSelect === true &&
      name === modelFormat.name &&
      (version === undefined || modelFormat.version === undefined || version === modelFormat.version),
  );
}

function invalid(message: string): Failure {
  return { reason: 'InvalidPredictorSpec', message };
}

function withoutFields(predictor: InferenceServicePredictor): Partial<PodSpec> {
  return Object.fromEntries(Object.entries(predictor).filter(([field]) => !ownFields.has(field)));
}

/** The runtime's container with what the model sets in its place; lists with names are merged by name. */
function mergeContainer(runtime: Container, model: Model): Container {
  const { modelFormat: _format, runtime: _runtime, storageUri: _uri, protocolVersion: _version, ...own } = model;
  const resources = {
    requests: { ...runtime.resources?.requests, ...own.resources?.requests },
    limits: { ...runtime.resources?.limits, ...own.resources?.limits },
  };
  return {
    ...runtime,
    ...own,
    name: runtime.name,
    env: byKey([...(runtime.env ?? []), ...(own.env ?? [])], ({ name }) => name),
    volumeMounts: byKey([...(runtime.volumeMounts ?? []), ...(own.volumeMounts ?? [])], ({ mountPath }) => mountPath),
    resources,
  };
}

/** One entry per key, the last one, at the place of the first. */
function byKey<T>(entries: readonly T[], key: (entry: T) => string): T[] {
  return [...new Map(entries.map((entry) => [key(entry), entry])).values()];
}

/** Runtimes name the service they run as `{{.Name}}`, `{{.Namespace}}`, `{{.Labels.x}}` and `{{.Annotations.x}}`. */
function substituted(container: Container, { metadata }: InferenceService): Container {
  const text = (value: string): string =>
    value.replaceAll(
      /\{\{\s*\.(Name|Namespace|Labels|Annotations)(?:\.([\w.\-/]+))?\s*\}\}/g,
      (_, field, key: string) => {
        if (field === 'Name') return metadata.name;
        if (field === 'Namespace') return metadata.namespace ?? '';
        return (field === 'Labels' ? metadata.labels : metadata.annotations)?.[key] ?? '';
      },
    );
  return {
    ...container,
    ...(container.args && { args: container.args.map(text) }),
    ...(container.command && { command: container.command.map(text) }),
    ...(container.env && {
      env: container.env.map((entry) => (entry.value === undefined ? entry : { ...entry, value: text(entry.value) })),
    }),
  };
}

function finished(service: InferenceService, spec: PodSpec): Template {
  const [first, ...rest] = spec.containers;
  const unnamed = first !== undefined && (first.name as string | undefined) === undefined;
  const containers = unnamed ? [{ ...first, name: servingContainer }, ...rest] : spec.containers;
  const serving = containers.find(({ name }) => name === servingContainer) ?? containers[0];
  const port = serving?.ports?.[0]?.containerPort ?? defaultPort;
  const { metadata } = service;
  const { labels, annotations } = service.spec.predictor;
  // KServe's own default: without a probe the pod would be ready before its server listens.
  const readinessProbe = { tcpSocket: { port }, timeoutSeconds: 1, periodSeconds: 10 };
  return {
    spec: { ...spec, containers: containers.map((one) => (one === serving ? { readinessProbe, ...one } : one)) },
    labels: {
      ...metadata.labels,
      ...labels,
      app: appLabel(service),
      component: 'predictor',
      [serviceLabel]: metadata.name,
    },
    annotations: { ...annotations },
    port,
  };
}

function appLabel(service: InferenceService): string {
  return `isvc.${predictorName(service)}`;
}

function childrenOf(service: InferenceService, template: Template): Children {
  const { namespace } = service.metadata;
  const metadata = {
    name: predictorName(service),
    ...(namespace !== undefined && { namespace }),
    labels: template.labels,
    ownerReferences: [ownerReferenceTo(InferenceService, service)],
  };
  const { labels, annotations, spec, port } = template;
  return {
    deployment: {
      apiVersion: apiVersionOf(Deployment),
      kind: Deployment.kind,
      metadata,
      spec: {
        replicas: service.spec.predictor.minReplicas ?? 1,
        selector: { matchLabels: { app: appLabel(service) } },
        template: { metadata: { labels, annotations }, spec },
      },
    },
    service: {
      apiVersion: apiVersionOf(Service),
      kind: Service.kind,
      metadata,
      spec: {
        selector: { app: appLabel(service) },
        ports: [{ name: 'http', port: 80, targetPort: port, protocol: 'TCP' }],
      },
    },
    ...(service.metadata.annotations?.[autoscalerClass] === 'keda' && {
      scaledObject: scaledObjectOf(service, metadata),
    }),
  };
}

const autoscalerClass = `${apiGroup}/autoscalerClass`;

/** As KServe makes it: bounds and metrics of the predictor; without metrics it goes by the use of CPU. */
function scaledObjectOf(service: InferenceService, metadata: Deployment['metadata']): ScaledObject {
  const { minReplicas = 1, maxReplicas, autoScaling } = service.spec.predictor;
  const metrics = (autoScaling as { metrics?: unknown[] } | undefined)?.metrics ?? [];
  return {
    apiVersion: apiVersionOf(ScaledObject),
    kind: ScaledObject.kind,
    metadata,
    spec: {
      scaleTargetRef: { apiVersion: apiVersionOf(Deployment), kind: Deployment.kind, name: predictorName(service) },
      minReplicaCount: minReplicas,
      maxReplicaCount: maxReplicas ?? minReplicas,
      triggers: metrics.length === 0 ? [{ type: 'cpu' }] : metrics.map(() => ({ type: 'external' })),
    },
  };
}

/** Waiting reasons of a container that comes to nothing without a change. */
const failedWaits = new Set(
  (
    'CrashLoopBackOff ImageNotInCatalog CreateContainerConfigError CreateContainerError ' +
    'UnsupportedVolume UnsupportedCommand UnsupportedField ErrImagePull ImagePullBackOff'
  ).split(' '),
);

function failureOf({ metadata, status }: Pod): Failure | undefined {
  for (const { state, lastState, ready } of [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
  ]) {
    const { waiting } = state ?? {};
    const terminated = state?.terminated ?? (ready ? undefined : lastState?.terminated);
    const exit = terminated !== undefined && terminated.exitCode !== 0 ? terminated : undefined;
    if (!failedWaits.has(waiting?.reason ?? '') && exit === undefined) continue;
    const message = [waiting?.message, exit?.message].filter((text) => text !== undefined && text !== '').join('; ');
    return {
      reason: 'ModelLoadFailed',
      message:
        message === '' ? (waiting?.reason ?? `the container ended with code ${String(exit?.exitCode)}`) : message,
      location: metadata.name,
      ...(exit !== undefined && { exitCode: exit.exitCode }),
    };
  }
  return undefined;
}

interface Verdict {
  failure: Failure | undefined;
  /** The specification cannot be run at all. */
  invalid: boolean;
}

function statusOf(service: InferenceService, view: InferenceServiceView, verdict: Verdict): InferenceServiceStatus {
  const { deployment, now } = view;
  const available = deployment?.status?.conditions?.find(({ type }) => type === 'Available');
  const upToDate = (deployment?.status?.observedGeneration ?? 0) >= (deployment?.metadata.generation ?? 1);
  const ready = !verdict.invalid && upToDate && available?.status === 'True';
  const { failure } = verdict;
  const why = ready
    ? {}
    : failure !== undefined
      ? { reason: failure.reason, message: failure.message }
      : {
          reason: available?.reason ?? 'DeploymentNotReady',
          message: available?.message ?? 'waiting for the predictor',
        };
  const found = { status: ready ? 'True' : 'False', ...why } as const;
  const conditions = ['IngressReady', 'PredictorReady', 'Ready'].map((type) =>
    type === 'IngressReady' && !verdict.invalid ? { type, status: 'True' as const } : { type, ...found },
  );
  const { name, namespace = '' } = service.metadata;
  const url = `http://${name}-predictor.${namespace}.svc.cluster.local`;
  return {
    observedGeneration: service.metadata.generation ?? 0,
    deploymentMode: 'Standard',
    conditions: conditions.map((condition) => {
      const before = service.status?.conditions?.find(({ type }) => type === condition.type);
      const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
      return { ...condition, lastTransitionTime: since ?? timestamp(now) };
    }),
    ...(!verdict.invalid && { url, address: { url }, components: { predictor: { url } } }),
    modelStatus: modelStatus(service, view, verdict, ready),
  };
}

function modelStatus(
  service: InferenceService,
  { pods, now }: InferenceServiceView,
  { failure, invalid: unusable }: Verdict,
  ready: boolean,
): NonNullable<InferenceServiceStatus['modelStatus']> {
  const before = service.status?.modelStatus;
  const serving = pods.filter(({ status }) =>
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  );
  const active = ready || serving.length > 0 ? 'Loaded' : '';
  const state = ready ? 'Loaded' : failure !== undefined ? 'FailedToLoad' : pods.length === 0 ? 'Pending' : 'Loading';
  const transition = ready
    ? 'UpToDate'
    : unusable
      ? 'InvalidSpec'
      : failure !== undefined
        ? 'BlockedByFailedLoad'
        : 'InProgress';
  const same =
    before?.lastFailureInfo?.message === failure?.message && before?.lastFailureInfo?.reason === failure?.reason;
  const time = same ? before?.lastFailureInfo?.time : undefined;
  return {
    transitionStatus: transition,
    states: { activeModelState: active, targetModelState: state },
    copies: { totalCopies: serving.length, failedCopies: pods.filter((pod) => failureOf(pod) !== undefined).length },
    ...(failure !== undefined && { lastFailureInfo: { ...failure, time: time ?? timestamp(now) } }),
  };
}
