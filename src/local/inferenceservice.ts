import { Deployment } from '../kinds/apps/deployment.ts';
import { Pod } from '../kinds/core/pod.ts';
import { Service } from '../kinds/core/service.ts';
import { ScaledObject } from '../kinds/keda/scaledobject.ts';
import { InferenceService, type InferenceServiceStatus } from '../kinds/kserve/inferenceservice.ts';
import { ClusterServingRuntime, ServingRuntime } from '../kinds/kserve/servingruntime.ts';
import { keyOf } from '../kinds/object.ts';
import { KubeError } from '../kube/client.ts';
import { watch, type Watch } from '../kube/controller.ts';
import type { InformerCache } from '../kube/informer.ts';
import { isControlledBy } from '../kube/owners.ts';
import { asOnTheWire, child, type Removal } from '../reconcile/children.ts';
import type { WriteFailure } from '../reconcile/failures.ts';
import type { Definition, Plan, PlannedEvent, Reader } from '../reconcile/pass.ts';
import {
  planInferenceService,
  predictorName,
  serviceLabel,
  type InferenceServiceView,
} from './inferenceserviceplan.ts';

const byService = 'inferenceservice';

/**
 * Runs InferenceServices as KServe in its Standard mode would: a Deployment and a Service `NAME-predictor`. It is part of the
 * embedded node; on a cluster KServe itself does this.
 */
export function inferenceServiceDefinition(
  informers: InformerCache,
  now: () => Date,
): Definition<InferenceService, InferenceServiceView> {
  informers.informer(Pod).addIndex(byService, ({ metadata }) => {
    const name = metadata.labels?.[serviceLabel];
    return name === undefined ? [] : [keyOf({ namespace: metadata.namespace, name })];
  });
  return {
    name: 'inferenceservice',
    manager: 'headgate-inferenceservice',
    force: true,
    kind: InferenceService,
    owns: [Deployment, Service, ScaledObject],
    reads: [ServingRuntime, ClusterServingRuntime, Pod],
    watches: watchesOf(informers),
    observe: (service, read) => observe(service, read, now()),
    plan: passOf,
  };
}

function watchesOf(informers: InformerCache): Watch[] {
  const services = informers.informer(InferenceService);
  /** Those that a runtime may concern. A service may lack a spec: its kind allows it. */
  const modelServices = (namespace?: string): string[] =>
    services
      .list(namespace)
      .filter((service) => hasSpec(service) && service.spec.predictor.model !== undefined)
      .map(({ metadata }) => keyOf(metadata));
  return [
    watch(informers.informer(ServingRuntime), ({ object }) => modelServices(object.metadata.namespace)),
    watch(informers.informer(ClusterServingRuntime), () => modelServices()),
    watch(informers.informer(Pod), ({ object: { metadata } }) => {
      const name = metadata.labels?.[serviceLabel];
      return name === undefined ? [] : [keyOf({ namespace: metadata.namespace, name })];
    }),
  ];
}

const hasSpec = ({ spec }: InferenceService): boolean => (spec as unknown) !== undefined;

function observe(service: InferenceService, read: Reader, now: Date): InferenceServiceView {
  const { namespace } = service.metadata;
  const deployment = read.get(Deployment, { namespace, name: predictorName(service) });
  const scaled = read.get(ScaledObject, { namespace, name: predictorName(service) });
  return {
    scaledObject: scaled !== undefined && isControlledBy(scaled, service) ? scaled : undefined,
    runtimes: [...read.list(ServingRuntime, namespace), ...read.list(ClusterServingRuntime)],
    deployment: deployment !== undefined && isControlledBy(deployment, service) ? deployment : undefined,
    pods: read.byIndex(Pod, byService, keyOf(service.metadata)),
    now,
  };
}

function passOf(service: InferenceService, view: InferenceServiceView): Plan<InferenceService> {
  // A service without a spec has nothing to say.
  if (!hasSpec(service)) return { apply: [], status: () => ({ status: service.status ?? {}, events: [] }) };
  const wanted = planInferenceService(service, view);
  const { children } = wanted;
  return {
    apply:
      children === undefined
        ? []
        : [
            child(Deployment, children.deployment, { owned: true }),
            child(Service, children.service, { owned: true }),
            ...(children.scaledObject === undefined
              ? []
              : [child(ScaledObject, children.scaledObject, { owned: true })]),
          ],
    remove: children?.scaledObject === undefined ? outdated(view) : [],
    status: (failures) => {
      const refusal = refusalIn(failures);
      const { status } = refusal === undefined ? wanted : planInferenceService(service, { ...view, refusal });
      return { status: asOnTheWire(status), events: readiness(service, status) };
    },
  };
}

/** One that was made while KEDA was to scale the service. */
function outdated({ scaledObject }: InferenceServiceView): Removal[] {
  return scaledObject === undefined ? [] : [{ kind: ScaledObject, ref: scaledObject.metadata }];
}

/** Why the API does not take the children: an old Deployment of the same name may be on its way out, so it is tried again. */
function refusalIn(failures: readonly WriteFailure[]): string | undefined {
  return failures.find(({ error }) => error instanceof KubeError && error.code === 422)?.error.message;
}

function readiness(service: InferenceService, next: InferenceServiceStatus): PlannedEvent[] {
  const events: PlannedEvent[] = [];
  const readyIn = (status: InferenceService['status']) => status?.conditions?.find(({ type }) => type === 'Ready');
  const before = readyIn(service.status);
  const after = readyIn(next);
  const { name } = service.metadata;
  if (after?.status === 'True' && before?.status !== 'True') {
    events.push({ type: 'Normal', reason: 'InferenceServiceReady', message: `InferenceService [${name}] is Ready` });
  } else if (after?.status === 'False' && before?.status === 'True') {
    const message = `InferenceService [${name}] is no longer Ready: ${after.message ?? ''}`;
    events.push({ type: 'Warning', reason: 'InferenceServiceNotReady', message });
  }
  const failure = next.modelStatus?.lastFailureInfo;
  const known = service.status?.modelStatus?.lastFailureInfo;
  if (failure?.reason !== undefined && (failure.reason !== known?.reason || failure.message !== known.message)) {
    events.push({ type: 'Warning', reason: failure.reason, message: failure.message ?? '' });
  }
  return events;
}
