import { describe, expect, it } from 'vitest';
import { compile } from '../../src/routing/compile.ts';
import type { PoolPicker } from '../../src/routes/table.ts';
import { resourcesOf } from './resourcefile.ts';

const base = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: headgate }
spec: { controllerName: headgate.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw }
spec: { gatewayClassName: headgate, listeners: [{ name: http, protocol: HTTP, port: 8080 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: r }
spec:
  parentRefs: [{ name: gw }]
  rules: [{ backendRefs: [{ group: inference.networking.k8s.io, kind: InferencePool, name: p }] }]
`;
const pool = (ref: string, annotations = '{}'): string => `
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: { name: p, annotations: ${annotations} }
spec:
  selector: { matchLabels: { app: m } }
  targetPorts: [{ number: 8000 }]
  ${ref === '' ? '' : `endpointPickerRef: ${ref}`}
`;
const epp = '{ name: epp, port: { number: 9002 } }';
const service = (port = '{ port: 9002, targetPort: 9002, appProtocol: http2 }'): string => `
apiVersion: v1
kind: Service
metadata: { name: epp }
spec: { ports: [${port}] }
`;
const slice = (...endpoints: string[]): string => `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: epp-1, labels: { kubernetes.io/service-name: epp } }
addressType: IPv4
ports: [{ port: 9002 }]
endpoints: [${endpoints.join(', ')}]
`;
const at = (address: string, pod: string, ready = true): string =>
  `{ addresses: [${address}], conditions: { ready: ${ready} }, targetRef: { kind: Pod, name: ${pod} } }`;

interface PodOptions {
  name?: string;
  image?: string;
  args?: readonly string[];
  mounts?: string;
  volumes?: string;
  created?: string;
}

const pod = ({
  name = 'e1',
  image = 'own:v1',
  args = [],
  mounts = '[]',
  volumes = '[]',
  created,
}: PodOptions): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, creationTimestamp: '${created ?? '2026-01-01T00:00:00Z'}' }
spec:
  containers: [{ name: epp, image: '${image}', args: ${JSON.stringify(args)}, volumeMounts: ${mounts} }]
  volumes: ${volumes}
`;
const configMap = (data: Record<string, string>, name = 'plugins'): string => `
apiVersion: v1
kind: ConfigMap
metadata: { name: ${name} }
data: ${JSON.stringify(data)}
`;

function compiledFrom(...documents: string[]) {
  return compile(resourcesOf([base, ...documents].join('\n---\n')), {
    claimedControllers: ['headgate.dev/gateway-controller'],
    programmed: new Map(),
    now: new Date('2026-02-02T02:02:02Z'),
    generation: 1,
    pickers: {
      isOwn: (image) => image.startsWith('own'),
      problem: (text) => (text.includes('wrong') ? 'plugin "x" (y): unknown type' : undefined),
    },
  });
}

function pickerOf(...documents: string[]): PoolPicker | undefined {
  const compiled = compiledFrom(...documents);
  const target = compiled.table.routes[0]?.rules[0]?.tiers[0]?.backends[0]?.target;
  return target?.type === 'pool' ? compiled.table.pools.find(({ key }) => key === target.key)?.picker : undefined;
}

/** The configuration of a pool whose only picker is this pod of ours, or why there is none. */
function configOf(options: PodOptions, ...documents: string[]): string {
  const picker = pickerOf(pool(epp), service(), slice(at('10.0.0.9', 'e1')), pod(options), ...documents);
  if (picker?.type === 'inProcess') return picker.config;
  return picker?.type === 'none' ? `none: ${picker.reason}` : (picker?.type ?? 'absent');
}

describe('who picks for a pool', () => {
  it.each<[string, string[], PoolPicker | undefined]>([
    ['nobody is named', [pool('')], undefined],
    ['the Service is missing', [pool(epp)], { type: 'none', cause: 'Reference', reason: 'there is no Service epp' }],
    [
      'the Service has no such port',
      [pool(epp), service('{ port: 9009 }')],
      { type: 'none', cause: 'Reference', reason: 'Service epp has no port 9002' },
    ],
    [
      'another kind is named',
      [pool('{ group: x.example.com, kind: Picker, name: epp }')],
      { type: 'none', cause: 'Reference', reason: 'a picker of kind Picker is not supported' },
    ],
    [
      'no pod is ready',
      [pool(epp), service(), slice(at('10.0.0.9', 'e1', false)), pod({})],
      { type: 'none', cause: 'NotReady', reason: 'Service epp has no ready endpoint' },
    ],
    [
      'a pod of ours is ready',
      [pool(epp), service(), slice(at('10.0.0.9', 'e1')), pod({})],
      { type: 'inProcess', config: '', ready: true },
    ],
    [
      "somebody else's pods are ready",
      [pool(epp), service(), slice(at('10.0.0.9', 'e1')), pod({ image: 'theirs' })],
      {
        type: 'extProc',
        tls: true,
        bodyMode: 'duplex',
        endpoints: [{ key: '10.0.0.9:9002', address: '10.0.0.9', port: 9002, pod: 'e1' }],
      },
    ],
    [
      'an endpoint is no pod, in the clear and buffered',
      [
        pool(epp, '{ aigateway.envoyproxy.io/processing-body-mode: buffered }'),
        service('{ port: 9002, appProtocol: kubernetes.io/h2c }'),
        slice('{ addresses: [10.0.0.9] }'),
      ],
      {
        type: 'extProc',
        tls: false,
        bodyMode: 'buffered',
        endpoints: [{ key: '10.0.0.9:9002', address: '10.0.0.9', port: 9002 }],
      },
    ],
  ])('%s', (_, documents, expected) => {
    expect(pickerOf(...documents)).toEqual(expected);
  });

  it('is the newest of our pods when several are ready', () => {
    const newer = pod({ name: 'e2', args: ['--config-text', 'new'], created: '2026-01-02T00:00:00Z' });
    const both = slice(at('10.0.0.8', 'e2'), at('10.0.0.9', 'e1'));
    const older = pod({ args: ['--config-text', 'old'] });
    expect(pickerOf(pool(epp), service(), both, newer, older)).toMatchObject({ config: 'new' });
  });
});

describe('the configuration of a picker of ours', () => {
  const mounts = '[{ name: config, mountPath: /config }]';
  const volumes = '[{ name: config, configMap: { name: plugins } }]';
  const args = ['--v', '4', '--config-file', '/config/a.yaml'];

  it.each<[string, PodOptions, string]>([
    ['--config-text value', { args: ['--config-text', 'T'] }, 'T'],
    ['-config-text=value', { args: ['-config-text=T'] }, 'T'],
    ['the last of two', { args: ['--config-text=S', '--config-text=T'] }, 'T'],
    ['a file of a ConfigMap', { args, mounts, volumes }, 'A'],
    [
      'an item under another name',
      {
        args: ['--config-file=/config/sub/x'],
        mounts,
        volumes: '[{ name: config, configMap: { name: plugins, items: [{ key: b.yaml, path: sub/x }] } }]',
      },
      'B',
    ],
    [
      'a subPath that is mounted as the file',
      { args, mounts: '[{ name: config, mountPath: /config/a.yaml, subPath: b.yaml }]', volumes },
      'B',
    ],
    [
      'the deeper of two mounts',
      {
        args: ['--config-file=/config/deep/a.yaml'],
        mounts: '[{ name: other, mountPath: /config }, { name: config, mountPath: /config/deep/ }]',
        volumes: '[{ name: config, configMap: { name: plugins } }, { name: other, emptyDir: {} }]',
      },
      'A',
    ],
    [
      'a projected volume',
      { args, mounts, volumes: '[{ name: config, projected: { sources: [{ configMap: { name: plugins } }] } }]' },
      'A',
    ],
    [
      'a key that is missing',
      { args: ['--config-file=/config/c.yaml'], mounts, volumes },
      'none: Pod e1: --config-file /config/c.yaml: ConfigMap plugins has no key c.yaml',
    ],
    [
      'a ConfigMap that is missing',
      { args, mounts, volumes: '[{ name: config, configMap: { name: gone } }]' },
      'none: Pod e1: --config-file /config/a.yaml: there is no ConfigMap gone',
    ],
    ['what the parser refuses', { args: ['--config-text=wrong'] }, 'none: Pod e1: plugin "x" (y): unknown type'],
    [
      'a file of a Secret: the pod is asked',
      { args, mounts, volumes: '[{ name: config, secret: { secretName: s } }]' },
      'extProc',
    ],
    ['flags that steer picks: the pod is asked', { args: ['--lora-info-metric', 'x'] }, 'extProc'],
    [
      'a plugin that only the program has',
      { args: ['--config-text', 'plugins: [{type: vllmgrpc-parser}]'] },
      'extProc',
    ],
  ])('%s', (_, options, expected) => {
    expect(configOf(options, configMap({ 'a.yaml': 'A', 'b.yaml': 'B' }))).toBe(expected);
  });

  it('names the ConfigMaps that it depends on, also those that are missing', () => {
    const documents = [pool(epp), service(), slice(at('10.0.0.9', 'e1')), pod({ args, mounts, volumes })];
    expect([...compiledFrom(...documents).asked.configMaps]).toEqual(['default/plugins']);
    const unrelated = configMap({}, 'unrelated');
    expect([...compiledFrom(...documents, unrelated).asked.configMaps]).toEqual(['default/plugins']);
  });
});

it.each([
  ['InvalidExtensionRef', [], 'there is no Service epp'],
  ['NoReadyEndpoint', [service()], 'Service epp has no ready endpoint'],
  [
    'InvalidConfiguration',
    [service(), slice(at('10.0.0.9', 'e1')), pod({ args: ['--config-text=wrong'] })],
    'plugin "x" (y): unknown type',
  ],
  ['InProcess', [service(), slice(at('10.0.0.9', 'e1')), pod({})], 'in process'],
  ['ExtProc', [service(), slice(at('10.0.0.9', 'e1'))], 'over ext_proc'],
])('the status of the pool says %s', (reason, documents, message) => {
  const { statuses } = compiledFrom(pool(epp), ...documents);
  const status = statuses.find(({ kind }) => kind.kind === 'InferencePool')?.status;
  const condition = {
    type: 'PickerReady',
    status: reason === 'InProcess' || reason === 'ExtProc' ? 'True' : 'False',
    reason,
    message: expect.stringContaining(message) as unknown,
  };
  expect(status).toMatchObject({ parents: [{ conditions: [{ type: 'Accepted' }, {}, condition] }] });
});
