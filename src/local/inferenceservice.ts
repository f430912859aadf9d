import { isDeepStrictEqual } from 'node:util';
import { Deployment } from '../kinds/apps/deployment.ts';
import { Pod } from '../kinds/core/pod.ts';
import { Service } from '../kinds/core/service.ts';
import type { Kind } from '../kinds/kind.ts';
import { InferenceService, type InferenceServiceStatus } from '../kinds/kserve/inferenceservice.ts';
import { ClusterServingRuntime, ServingRuntime } from '../kinds/kserve/servingruntime.ts';
import { keyOf, refOf, type KubeObject } from '../kinds/object.ts';
import { KubeError, type KubeClient } from '../kube/client.ts';
import { startController, watch, type Controller } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { InformerCache } from '../kube/informer.ts';
import { controllerOf, isControlledBy } from '../kube/owners.ts';
import type { Log } from '../telemetry/log.ts';
import {
  planInferenceService,
  predictorName,
  serviceLabel,
  type InferenceServiceView,
} from './inferenceserviceplan.ts';

const fieldManager = 'headgate-inferenceservice';

/**
 * Runs InferenceServices as KServe in its Standard mode would: a Deployment and a Service `NAME-predictor`. It is part of the
 * embedded node; on a cluster KServe itself does this.
 */
export function startInferenceServiceController(options: {
  client: KubeClient;
  informers: InformerCache;
  events: EventRecorder;
  log: Log;
}): Controller {
  const { client, informers, events, log } = options;
  const services = informers.informer(InferenceService);
  const runtimes = informers.informer(ServingRuntime);
  const clusterRuntimes = informers.informer(ClusterServingRuntime);
  const deployments = informers.informer(Deployment);
  const kubeServices = informers.informer(Service);
  const pods = informers.informer(Pod);

  const modelServices = (namespace?: string): string[] =>
    services
      .list(namespace)
      .flatMap(({ metadata, spec }) => (spec.predictor.model === undefined ? [] : [keyOf(metadata)]));
  const ownerKeys = ({ object }: { object: KubeObject }): string[] => {
    const owner = controllerOf(object);
    if (owner?.kind !== InferenceService.kind) return [];
    return [keyOf({ namespace: object.metadata.namespace, name: owner.name })];
  };
  const apply = async <T extends KubeObject>(kind: Kind<T>, current: T | undefined, wanted: T): Promise<void> => {
    if (current !== undefined && contains(current, wanted)) return;
    await client.patch(kind, wanted.metadata, { type: 'apply', fieldManager, force: true, body: wanted });
  };

  return startController({
    name: 'inferenceservice',
    log,
    watches: [
      watch(services, ({ object, deleted }) => (deleted ? [] : [keyOf(object.metadata)])),
      watch(runtimes, ({ object }) => modelServices(object.metadata.namespace)),
      watch(clusterRuntimes, () => modelServices()),
      watch(deployments, ownerKeys),
      watch(kubeServices, ownerKeys),
      watch(pods, ({ object: { metadata } }) => {
        const name = metadata.labels?.[serviceLabel];
        return name === undefined ? [] : [keyOf({ namespace: metadata.namespace, name })];
      }),
    ],
    reconcile: async (key) => {
      const ref = refOf(key);
      const service = services.get(ref);
      // A service without a spec has nothing to say; its kind allows it.
      if ((service?.spec as unknown) === undefined || service === undefined) return;
      if (service.metadata.deletionTimestamp !== undefined) return;
      const childRef = { namespace: ref.namespace, name: predictorName(service) };
      const deployment = deployments.get(childRef);
      const view: InferenceServiceView = {
        runtimes: [...runtimes.list(ref.namespace), ...clusterRuntimes.list()],
        deployment: deployment !== undefined && isControlledBy(deployment, service) ? deployment : undefined,
        pods: pods.list(ref.namespace).filter(({ metadata }) => metadata.labels?.[serviceLabel] === ref.name),
        now: new Date(),
      };
      const wanted = planInferenceService(service, view);
      let refused: KubeError | undefined;
      try {
        if (wanted.children !== undefined) {
          await apply(Deployment, deployment, wanted.children.deployment);
          await apply(Service, kubeServices.get(childRef), wanted.children.service);
        }
      } catch (error) {
        if (!(error instanceof KubeError && error.code === 422)) throw error;
        refused = error;
      }
      const plan =
        refused === undefined ? wanted : planInferenceService(service, { ...view, refusal: refused.message });
      // As the API keeps it: without fields that are undefined.
      const status = JSON.parse(JSON.stringify(plan.status)) as InferenceServiceStatus;
      if (!isDeepStrictEqual(status, service.status)) {
        await client.updateStatus(InferenceService, { ...service, status });
        reportReady(events, service, plan.status);
      }
      // An old Deployment of the same name may be on its way out: tried again.
      if (refused !== undefined) throw refused;
    },
  });
}

function reportReady(events: EventRecorder, service: InferenceService, next: InferenceService['status']): void {
  const readyIn = (status: InferenceService['status']) => status?.conditions?.find(({ type }) => type === 'Ready');
  const before = readyIn(service.status);
  const after = readyIn(next);
  if (after?.status === 'True' && before?.status !== 'True') {
    events.event(service, 'Normal', 'InferenceServiceReady', `InferenceService [${service.metadata.name}] is Ready`);
  } else if (after?.status === 'False' && before?.status === 'True') {
    const message = `InferenceService [${service.metadata.name}] is no longer Ready: ${after.message ?? ''}`;
    events.event(service, 'Warning', 'InferenceServiceNotReady', message);
  }
  const failure = next?.modelStatus?.lastFailureInfo;
  const known = service.status?.modelStatus?.lastFailureInfo;
  if (failure?.reason !== undefined && (failure.reason !== known?.reason || failure.message !== known.message)) {
    events.event(service, 'Warning', failure.reason, failure.message ?? '');
  }
}

/** Whether an object has all that is wanted of it; the API adds defaults, and others add labels. */
function contains(current: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(current) &&
      current.length === wanted.length &&
      wanted.every((entry, i) => contains(current[i] as unknown, entry))
    );
  }
  if (typeof wanted !== 'object' || wanted === null) return current === wanted || String(current) === String(wanted);
  if (typeof current !== 'object' || current === null) return Object.keys(wanted).length === 0;
  const present = new Map<string, unknown>(Object.entries(current));
  return Object.entries(wanted).every(([field, value]) => value === undefined || contains(present.get(field), value));
}
