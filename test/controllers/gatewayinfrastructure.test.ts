import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planInfrastructure } from '../../src/controllers/gateway/infrastructure.ts';
import { isPodReady, Pod } from '../../src/kinds/core/pod.ts';
import { Service } from '../../src/kinds/core/service.ts';
import { Gateway } from '../../src/kinds/gateway/gateway.ts';
import { startTestCluster, type TestCluster } from './cluster.ts';

const envoyGateway = 'gateway.envoyproxy.io/gatewayclass-controller';

function gatewayOf(name: string, gatewayClassName: string, spec: Partial<Gateway['spec']> = {}): Gateway {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name, namespace: 'shop' },
    spec: { gatewayClassName, listeners: [{ name: 'http', protocol: 'HTTP', port: 80 }], ...spec },
  };
}

const programmed = { addresses: ['127.10.200.1'], listeners: new Map([['http', { ok: true, boundPort: 8080 }]]) };

function plan(gateway: Gateway, controllerName: string, outcome = programmed) {
  return planInfrastructure({ gateway, controllerName, programmed: outcome, nodeName: 'here' });
}

describe('the Service of a Gateway', () => {
  it.each([
    // The name in Envoy Gateway's own guides, for a Gateway default/eg.
    ['default', 'eg', 'eg', envoyGateway, 'envoy-gateway-system/envoy-default-eg-e41e7b31'],
    ['shop', 'gw', 'istio', 'istio.io/gateway-controller', 'shop/gw-istio'],
    ['shop', 'gw', 'kgateway', 'kgateway.dev/kgateway', 'shop/gw'],
    ['shop', 'gw', 'headgate', 'headgate.dev/gateway-controller', 'shop/gw'],
    ['shop', '1.gw', 'headgate', 'headgate.dev/gateway-controller', 'shop/gateway-7cc91b1e'],
  ])('%s/%s of class %s', (namespace, name, className, controllerName, expected) => {
    const gateway = gatewayOf(name, className);
    const { service } = plan({ ...gateway, metadata: { name, namespace } }, controllerName) ?? {};
    expect(`${service?.metadata.namespace ?? ''}/${service?.metadata.name ?? ''}`).toBe(expected);
  });

  it('has the labels that guides select by, and those of the infrastructure, which cannot take their place', () => {
    const infrastructure = {
      labels: { team: 'a', 'gateway.networking.k8s.io/gateway-name': 'other' },
      annotations: { note: 'it' },
    };
    const made = plan(gatewayOf('gw', 'eg', { infrastructure }), envoyGateway);
    for (const object of [made?.service, made?.pod]) {
      expect(object?.metadata.labels).toMatchObject({
        team: 'a',
        'gateway.networking.k8s.io/gateway-name': 'gw',
        'gateway.envoyproxy.io/owning-gateway-name': 'gw',
        'gateway.envoyproxy.io/owning-gateway-namespace': 'shop',
      });
      expect(object?.metadata.annotations).toMatchObject({ note: 'it' });
    }
    expect(made?.pod.metadata.labels).toMatchObject(made?.service.spec.selector ?? {});
  });

  it('leads from the declared port to the one that is open, and leaves out what is not', () => {
    const listeners = [
      { name: 'http', protocol: 'HTTP', port: 80 },
      { name: 'other', protocol: 'HTTP', port: 80, hostname: 'a.example.com' },
      { name: 'refused', protocol: 'HTTPS', port: 443 },
    ] as const;
    const outcome = {
      addresses: ['127.10.200.1'],
      listeners: new Map([
        ['http', { ok: true, boundPort: 8080 }],
        ['other', { ok: true, boundPort: 8080 }],
      ]),
    };
    const gateway = gatewayOf('gw', 'headgate', { listeners: [...listeners] });
    expect(plan(gateway, 'headgate', outcome)?.service.spec.ports).toEqual([
      { name: 'http-80', port: 80, targetPort: 8080, protocol: 'TCP' },
    ]);
    expect(plan(gateway, 'headgate', { addresses: ['127.10.200.1'], listeners: new Map() })).toBeUndefined();
  });
});

describe('in a cluster', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startTestCluster();
    // Filled before anything is waited for.
    cluster.informers.informer(Service);
    cluster.informers.informer(Pod);
    await cluster.informers.synced();
  });
  afterAll(async () => {
    await cluster.stop();
  });

  const yaml = (name: string, className: string) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: ${name} }
spec: { gatewayClassName: ${className}, listeners: [{ name: http, protocol: HTTP, port: 80 }] }
`;
  const podsOf = (name: string) =>
    cluster.informers
      .informer(Pod)
      .list()
      .filter(({ metadata }) => metadata.labels?.['gateway.networking.k8s.io/gateway-name'] === name);
  const address = (service: Service | undefined) => service?.status?.loadBalancer?.ingress?.[0]?.ip;

  it.each([
    ['eg', 'envoy-gateway-system', 'envoy-default-eg-e41e7b31'],
    ['istio', 'default', 'istio-istio'],
  ])('of class %s both come with the Gateway, come back, and go with it', async (className, namespace, name) => {
    const ref = { namespace, name };
    await cluster.apply(yaml(className, className));
    const service = await cluster.eventually(Service, ref, (object) => address(object) !== undefined);
    const gateway = { namespace: 'default', name: className };
    await cluster.eventually(Gateway, gateway, (object) => object?.status?.addresses?.[0]?.value === address(service));
    const isUp = (pod: Pod) => pod.status?.podIP === address(service) && isPodReady(pod);
    // Its name is not known: any change of a Pod has all looked at.
    await cluster.eventually(Pod, ref, () => podsOf(className).some(isUp));
    const [pod] = podsOf(className);
    if (pod === undefined) throw new Error('there was a Pod a moment ago');

    // Whoever deletes them gets them back.
    const first = pod.metadata.uid;
    await cluster.client.delete(Service, ref);
    await cluster.client.delete(Pod, pod.metadata);
    const isNew = (object: Service | undefined) =>
      address(object) !== undefined && object?.metadata.uid !== service?.metadata.uid;
    await cluster.eventually(Service, ref, isNew);
    await cluster.eventually(Pod, pod.metadata, (object) => {
      return object !== undefined && object.metadata.uid !== first && isPodReady(object);
    });

    await cluster.client.delete(Gateway, gateway);
    await cluster.eventually(Service, ref, (object) => object === undefined);
    await cluster.eventually(Pod, pod.metadata, (object) => object === undefined);
  });

  it('leaves a Service of that name alone', async () => {
    await cluster.apply(`
apiVersion: v1
kind: Service
metadata: { name: taken }
spec: { selector: { app: shop }, ports: [{ port: 80 }] }
---${yaml('taken', 'headgate')}`);
    await cluster.eventually(Gateway, { namespace: 'default', name: 'taken' }, (object) =>
      Boolean(object?.status?.conditions?.some(({ type, status }) => type === 'Programmed' && status === 'True')),
    );
    await cluster.apply(yaml('after', 'headgate'));
    await cluster.eventually(
      Service,
      { namespace: 'default', name: 'after' },
      (object) => address(object) !== undefined,
    );
    const taken = await cluster.client.get(Service, { namespace: 'default', name: 'taken' });
    expect(taken?.spec.selector).toEqual({ app: 'shop' });
  });
});
