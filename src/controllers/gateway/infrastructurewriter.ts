import { isDeepStrictEqual } from 'node:util';
import { isPodReady, Pod } from '../../kinds/core/pod.ts';
import { Namespace } from '../../kinds/core/namespace.ts';
import { Service } from '../../kinds/core/service.ts';
import { Gateway } from '../../kinds/gateway/gateway.ts';
import { GatewayClass } from '../../kinds/gateway/gatewayclass.ts';
import { apiVersionOf, type Kind } from '../../kinds/kind.ts';
import { keyOf, refOf, type KubeObject } from '../../kinds/object.ts';
import { isConflict, isNotFound, type KubeClient } from '../../kube/client.ts';
import { startController, watch } from '../../kube/controller.ts';
import type { Change, InformerCache } from '../../kube/informer.ts';
import { ownerReferenceTo } from '../../kube/owners.ts';
import type { ProgrammedGateway } from '../../routing/gatewaystatus.ts';
import type { Log } from '../../telemetry/log.ts';
import { gatewayAnnotation, planInfrastructure, runningStatus, type Infrastructure } from './infrastructure.ts';

export interface InfrastructureOptions {
  readonly client: KubeClient;
  readonly informers: InformerCache;
  readonly claimedControllers: readonly string[];
  /** The Node that the Pods are said to be on. */
  readonly nodeName: string;
  readonly log: Log;
}

export interface InfrastructureWriter {
  /** What the data plane has made of the Gateways. */
  programmed(gateways: ReadonlyMap<string, ProgrammedGateway>): void;
  stop(): Promise<void>;
}

const manager = 'headgate-gateway';

/** Keeps the Service and the Pod of every Gateway that is served; the informers must have synced. */
export function startInfrastructureWriter(options: InfrastructureOptions): InfrastructureWriter {
  const { client, informers, nodeName, claimedControllers, log } = options;
  const gateways = informers.informer(Gateway);
  const classes = informers.informer(GatewayClass);
  const services = informers.informer(Service);
  const pods = informers.informer(Pod);
  let served: ReadonlyMap<string, ProgrammedGateway> = new Map();
  let wake: (key: string) => void = () => undefined;

  const wanted = (key: string): Infrastructure | undefined => {
    const gateway = gateways.get(refOf(key));
    const programmed = served.get(key);
    if (gateway === undefined || gateway.metadata.deletionTimestamp !== undefined) return undefined;
    const controllerName = classes.get({ name: gateway.spec.gatewayClassName })?.spec.controllerName ?? '';
    if (programmed === undefined || !claimedControllers.includes(controllerName)) return undefined;
    const planned = planInfrastructure({ gateway, controllerName, programmed, nodeName });
    return planned && withOwner(planned, gateway);
  };

  const reconcile = async (key: string): Promise<void> => {
    const plan = wanted(key);
    // At the start the sockets of a Gateway are not open yet: what it had stays until they are.
    if (plan === undefined && gateways.get(refOf(key)) !== undefined && !served.has(key)) return;
    await removeOthers(Pod, pods.list(), key, plan?.pod);
    await removeOthers(Service, services.list(), key, plan?.service);
    if (plan === undefined) return;
    await ensureNamespace(plan.service.metadata.namespace);
    await writeService(key, plan.service);
    await writePod(plan.pod);
  };

  const removeOthers = async (
    kind: Kind,
    objects: readonly KubeObject[],
    key: string,
    kept: KubeObject | undefined,
  ): Promise<void> => {
    for (const object of objects.filter((candidate) => gatewayOf(candidate) === key)) {
      const { metadata } = object;
      const isKept = kept !== undefined && keyOf(metadata) === keyOf(kept.metadata);
      if (isKept && metadata.deletionTimestamp === undefined) continue;
      await ignoring(isNotFound, client.delete(kind, metadata, { gracePeriodSeconds: 0 }));
    }
  };

  const ensureNamespace = async (name: string | undefined): Promise<void> => {
    if (name === undefined || informers.informer(Namespace).get({ name }) !== undefined) return;
    const namespace = { apiVersion: apiVersionOf(Namespace), kind: Namespace.kind, metadata: { name } };
    await ignoring(isConflict, client.create(Namespace, namespace));
  };

  const writeService = async (key: string, service: Service): Promise<void> => {
    const { status, ...body } = service;
    const known = services.get(service.metadata);
    if (known !== undefined && gatewayOf(known) !== key) {
      log.info(
        { gateway: key, service: keyOf(known.metadata) },
        'a Service of that name exists: the Gateway gets none',
      );
      return;
    }
    const apply = { type: 'apply', body, fieldManager: manager, force: true } as const;
    const written = isAsWanted(known, service) ? known : await client.patch<Service>(Service, service.metadata, apply);
    if (written !== undefined && isDeepStrictEqual(written.status?.loadBalancer, status?.loadBalancer)) return;
    await client.patch(Service, service.metadata, { type: 'merge', body: { status }, subresource: 'status' });
  };

  const writePod = async (pod: Pod): Promise<void> => {
    const { status, ...body } = pod;
    const address = status?.podIP ?? '';
    const known = pods.get(pod.metadata);
    const apply = { type: 'apply', body, fieldManager: manager, force: true } as const;
    const written =
      known !== undefined && hasMetadata(known, pod) ? known : await client.patch<Pod>(Pod, pod.metadata, apply);
    if (written.status?.podIP === address && isPodReady(written)) return;
    const running = runningStatus(written, address, new Date());
    await client.patch(Pod, pod.metadata, { type: 'merge', body: { status: running }, subresource: 'status' });
  };

  const ofGateway = ({ object }: Change<KubeObject>): string[] => {
    const key = gatewayOf(object);
    return key === undefined ? [] : [key];
  };
  const controller = startController({
    name: 'gateway-infrastructure',
    log,
    watches: [
      watch(gateways, ({ object }) => [keyOf(object.metadata)]),
      watch(services, ofGateway),
      watch(pods, ofGateway),
      {
        start: (add) => {
          wake = add;
          return () => undefined;
        },
      },
    ],
    reconcile,
  });
  return {
    programmed: (next) => {
      const keys = new Set([...served.keys(), ...next.keys()]);
      served = next;
      for (const key of keys) wake(key);
    },
    stop: () => controller.stop(),
  };
}

function gatewayOf({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.[gatewayAnnotation];
}

/** Within a namespace they go with their Gateway; those elsewhere are removed by their annotation. */
function withOwner({ service, pod }: Infrastructure, gateway: Gateway): Infrastructure {
  if (service.metadata.namespace !== gateway.metadata.namespace) return { service, pod };
  const ownerReferences = [ownerReferenceTo(Gateway, gateway)];
  return {
    service: { ...service, metadata: { ...service.metadata, ownerReferences } },
    pod: { ...pod, metadata: { ...pod.metadata, ownerReferences } },
  };
}

function isAsWanted(known: Service | undefined, { metadata, spec }: Service): known is Service {
  if (known === undefined || !hasMetadata(known, { metadata })) return false;
  const portsOf = (ports: Service['spec']['ports'] = []) =>
    ports.map(({ name, port, targetPort }) => [name, port, targetPort]);
  return (
    known.spec.type === spec.type &&
    isDeepStrictEqual(known.spec.selector, spec.selector) &&
    isDeepStrictEqual(portsOf(known.spec.ports), portsOf(spec.ports))
  );
}

/** It is ours, and what the Gateway wants on it is there, and nothing that it wanted before. */
function hasMetadata(known: KubeObject, { metadata }: Pick<KubeObject, 'metadata'>): boolean {
  return (
    isDeepStrictEqual(known.metadata.labels ?? {}, metadata.labels) &&
    isDeepStrictEqual(known.metadata.annotations ?? {}, metadata.annotations) &&
    isDeepStrictEqual(known.metadata.ownerReferences, metadata.ownerReferences)
  );
}

async function ignoring(expected: (error: unknown) => boolean, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!expected(error)) throw error;
  }
}
