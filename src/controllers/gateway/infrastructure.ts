import { createHash } from 'node:crypto';
import type { PodCondition, ServicePort } from 'kubernetes-types/core/v1.js';
import { mirrorAnnotation, Pod } from '../../kinds/core/pod.ts';
import { Service } from '../../kinds/core/service.ts';
import type { Gateway } from '../../kinds/gateway/gateway.ts';
import { apiVersionOf } from '../../kinds/kind.ts';
import { keyOf } from '../../kinds/object.ts';
import { timestamp } from '../../kinds/timestamp.ts';
import type { ProgrammedGateway } from '../../routing/gatewaystatus.ts';

/**
 * The Service of a Gateway and the Pod behind it, as the owner of its class would have made them, so that the commands of its
 * guides work: `kubectl port-forward svc/...`, `kubectl get svc -l gateway.envoyproxy.io/owning-gateway-name=...`. The Pod is
 * no program: it stands for the data plane of this process (a mirror Pod, as the kubelet makes them of what it runs by itself).
 */
export interface Infrastructure {
  readonly service: Service;
  readonly pod: Pod;
}

/** On both: the `namespace/name` of their Gateway. */
export const gatewayAnnotation = 'headgate.dev/gateway';

interface Facts {
  readonly gateway: Gateway;
  /** Of its class. */
  readonly controllerName: string;
  readonly programmed: ProgrammedGateway;
  readonly nodeName: string;
}

/** Undefined while no listener of the Gateway is open. */
export function planInfrastructure(facts: Facts): Infrastructure | undefined {
  const { gateway, programmed, nodeName } = facts;
  const ports = servicePorts(gateway, programmed);
  const [address] = programmed.addresses;
  if (ports.length === 0 || address === undefined) return undefined;
  const { name, namespace, labels: own, selector } = namesOf(facts);
  const { labels, annotations } = gateway.spec.infrastructure ?? {};
  const metadata = {
    namespace,
    labels: { ...labels, ...own },
    annotations: { ...annotations, [gatewayAnnotation]: keyOf(gateway.metadata) },
  };
  const podSpec = {
    nodeName,
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'gateway',
        image: 'headgate',
        ports: ports.map((port) => ({ name: port.name ?? '', containerPort: Number(port.targetPort) })),
      },
    ],
  };
  // What a Pod runs cannot be changed: another one has another name.
  const podName = `${name.slice(0, 200)}-${hash(JSON.stringify([podSpec, address]))}`;
  return {
    service: {
      apiVersion: apiVersionOf(Service),
      kind: Service.kind,
      metadata: { ...metadata, name },
      spec: { type: 'LoadBalancer', selector, ports },
      status: { loadBalancer: { ingress: programmed.addresses.map((ip) => ({ ip })) } },
    },
    pod: {
      apiVersion: apiVersionOf(Pod),
      kind: Pod.kind,
      metadata: {
        ...metadata,
        name: podName,
        annotations: { ...metadata.annotations, [mirrorAnnotation]: hash(podName) },
      },
      spec: podSpec,
      status: { podIP: address },
    },
  };
}

/** What a Pod says that answers at the address. */
export function runningStatus(pod: Pod, address: string, now: Date): NonNullable<Pod['status']> {
  const time = timestamp(now);
  const types = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'];
  const conditions = types.map((type): PodCondition => ({ type, status: 'True', lastTransitionTime: time }));
  return {
    phase: 'Running',
    podIP: address,
    podIPs: [{ ip: address }],
    startTime: time,
    conditions,
    containerStatuses: pod.spec.containers.map(({ name, image = '' }) => ({
      name,
      image,
      imageID: '',
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: time } },
    })),
  };
}

function servicePorts(gateway: Gateway, programmed: ProgrammedGateway): ServicePort[] {
  const ports = new Map<number, ServicePort>();
  for (const { name, port, protocol } of gateway.spec.listeners) {
    const boundPort = programmed.listeners.get(name)?.boundPort;
    if (boundPort === undefined || ports.has(port)) continue;
    ports.set(port, {
      name: `${protocol.toLowerCase()}-${String(port)}`,
      port,
      targetPort: boundPort,
      protocol: 'TCP',
    });
  }
  return [...ports.values()].toSorted((a, b) => a.port - b.port);
}

interface Names {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly selector: Readonly<Record<string, string>>;
}

/** By the controller of the class: what it calls the Service, and by which labels its guides find it. */
function namesOf({ gateway, controllerName }: Facts): Names {
  const { name, namespace = '' } = gateway.metadata;
  const gatewayName = { 'gateway.networking.k8s.io/gateway-name': labelValue(name) };
  if (controllerName === 'gateway.envoyproxy.io/gatewayclass-controller') {
    const owner = {
      'gateway.envoyproxy.io/owning-gateway-name': labelValue(name),
      'gateway.envoyproxy.io/owning-gateway-namespace': namespace,
    };
    const component = {
      'app.kubernetes.io/component': 'proxy',
      'app.kubernetes.io/managed-by': 'envoy-gateway',
      'app.kubernetes.io/name': 'envoy',
    };
    const labels = { ...gatewayName, ...owner, ...component };
    const selector = { ...owner, ...component };
    return { name: `envoy-${hashedName(`${namespace}/${name}`)}`, namespace: 'envoy-gateway-system', labels, selector };
  }
  const className = gateway.spec.gatewayClassName;
  const isIstio = controllerName === 'istio.io/gateway-controller';
  return {
    name: serviceName(isIstio ? `${name}-${className}` : name),
    namespace,
    labels: { ...gatewayName, 'gateway.networking.k8s.io/gateway-class-name': labelValue(className) },
    selector: gatewayName,
  };
}

/** Envoy Gateway's utils.GetHashedName: at most 48 characters of the name, and eight of its SHA-256. */
function hashedName(key: string): string {
  const name = key.replace('/', '-').slice(0, 48).replace(/-$/, '');
  return `${name}-${hash(key)}`;
}

/** A Gateway may have a name that no Service can have. */
function serviceName(wanted: string): string {
  return /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(wanted) ? wanted : `gateway-${hash(wanted)}`;
}

function labelValue(text: string): string {
  return text.length <= 63 ? text : `${text.slice(0, 54)}-${hash(text)}`;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
