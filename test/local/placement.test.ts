import type { NodeSelectorRequirement } from 'kubernetes-types/core/v1.js';
import { describe, expect, test } from 'vitest';
import type { PersistentVolumeClaim } from '../../src/kinds/core/persistentvolumeclaim.ts';
import type { Pod } from '../../src/kinds/core/pod.ts';
import { defaultGpus, gpuLabels, gpusOf, gpusText, parseGpus } from '../../src/local/gpus.ts';
import { nodeObject } from '../../src/local/nodeobject.ts';
import { placePod, type PlacementView } from '../../src/local/placement.ts';
import { container, pod } from './objects.ts';

const gpuPod = (requests: number | string): Pod =>
  pod('p', { spec: { containers: [container({ resources: { requests: { 'amd.com/gpu': String(requests) } } })] } });

const view = (gpus: string, more: Partial<PlacementView> = {}): PlacementView => ({
  nodes: (parseGpus(gpus).length === 0 ? [undefined] : parseGpus(gpus)).map((one, i) =>
    nodeObject(`n${String(i)}`, '127.10.0.1', new Date(0), one),
  ),
  gpusTaken: () => 0,
  claim: () => undefined,
  bindsLate: () => false,
  ...more,
});

const claim = (phase: string): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data' },
  spec: {},
  status: { phase },
});

const withClaim = pod('p', { spec: { volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }] } });
const withAffinity = (term: NodeSelectorRequirement): Pod =>
  pod('p', {
    spec: {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [term] }] },
        },
      },
    },
  });
const deviceId = (operator: NodeSelectorRequirement['operator'], ...values: string[]): Pod =>
  withAffinity({ key: 'amd.com/gpu.device-id', operator, values });
const mismatch = "node(s) didn't match Pod's node affinity/selector";

const rows: [what: string, Pod, PlacementView, string | { message: string }][] = [
  ['a pod without GPUs goes to the first node', pod('p'), view('MI300X:8,MI325X:4'), 'n0'],
  ['as many GPUs as there are', gpuPod(8), view('MI300X:8'), 'n0'],
  ['one more', gpuPod(9), view('MI300X:8'), { message: '0/1 nodes are available: 1 Insufficient amd.com/gpu.' }],
  [
    'others hold some',
    gpuPod(2),
    view('MI300X:8', { gpusTaken: () => 7 }),
    { message: '0/1 nodes are available: 1 Insufficient amd.com/gpu.' },
  ],
  ['the second node has room', gpuPod(1), view('MI300X:1,MI325X:1', { gpusTaken: (n) => (n === 'n0' ? 1 : 0) }), 'n1'],
  ['no GPUs at all', gpuPod(1), view('none'), { message: '0/1 nodes are available: 1 Insufficient amd.com/gpu.' }],
  ['the device that is asked for', deviceId('In', '74a5'), view('MI300X:8,MI325X:4'), 'n1'],
  [
    'a device nobody has',
    deviceId('In', '75a3'),
    view('MI300X:8'),
    { message: `0/1 nodes are available: 1 ${mismatch}.` },
  ],
  ['not this device', deviceId('NotIn', '74a1'), view('MI300X:8,MI325X:4'), 'n1'],
  ['any device', deviceId('Exists'), view('MI300X'), 'n0'],
  ['no device', deviceId('DoesNotExist'), view('MI300X'), { message: `0/1 nodes are available: 1 ${mismatch}.` }],
  [
    'labels of other things are not looked at',
    withAffinity({ key: 'zone', operator: 'In', values: ['a'] }),
    view('none'),
    'n0',
  ],
  ['nor selectors', pod('p', { spec: { nodeSelector: { disk: 'ssd' } } }), view('none'), 'n0'],
  [
    'a selector for a device',
    pod('p', { spec: { nodeSelector: { 'amd.com/gpu.device-id': '74a1' } } }),
    view('MI325X,MI300X'),
    'n1',
  ],
  [
    'a claim that does not exist',
    withClaim,
    view('none'),
    { message: '0/1 nodes are available: persistentvolumeclaim "data" not found.' },
  ],
  [
    'a claim that is not bound',
    withClaim,
    view('none', { claim: () => claim('Pending') }),
    { message: '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.' },
  ],
  [
    'a claim that waits for the pod',
    withClaim,
    view('none', { claim: () => claim('Pending'), bindsLate: () => true }),
    'n0',
  ],
  ['a bound claim', withClaim, view('none', { claim: () => claim('Bound') }), 'n0'],
];

test.each(rows)('%s', (_what, what, where, expected) => {
  expect(placePod(what, where)).toEqual(typeof expected === 'string' ? { nodeName: expected } : expected);
});

test('two nodes with different reasons are both accounted for', () => {
  expect(placePod(withAffinityAndGpus(), view('MI300X:8,MI325X:4', { gpusTaken: () => 8 }))).toEqual({
    message: `0/2 nodes are available: 1 Insufficient amd.com/gpu, 1 ${mismatch}.`,
  });
});

function withAffinityAndGpus(): Pod {
  const affine = deviceId('In', '74a1');
  return { ...affine, spec: { ...gpuPod(1).spec, ...(affine.spec.affinity && { affinity: affine.spec.affinity }) } };
}

describe('--gpus', () => {
  test('names models and numbers', () => {
    expect(parseGpus('mi300x:2, MI325X')).toEqual([
      { model: 'MI300X', capacity: { 'amd.com/gpu': 2 } },
      { model: 'MI325X', capacity: { 'amd.com/gpu': 8 } },
    ]);
    expect(parseGpus('none')).toEqual([]);
    expect(parseGpus('H100:4')).toEqual([{ model: 'H100', capacity: { 'nvidia.com/gpu': 4 } }]);
  });

  test.each(['MI300', 'MI300X:0', 'MI300X:x', 'MI300X:1:2', '', 'MI300X:500000'])('refuses %j', (text) => {
    expect(() => parseGpus(text)).toThrow(/names no GPU model|must be 1 to 100000/);
  });

  test('labels a node as the node labeller does', () => {
    expect(gpuLabels({ model: 'MI300X', capacity: { 'amd.com/gpu': 8 } })).toEqual({
      'amd.com/gpu.device-id': '74a1',
      'amd.com/gpu.device-id.74a1': '8',
      'amd.com/gpu.vram': '192G',
    });
    expect(gpuLabels({ model: 'H100', capacity: { 'nvidia.com/gpu': 4 } })).toEqual({
      'nvidia.com/gpu.present': 'true',
      'nvidia.com/gpu.count': '4',
      'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3',
      'nvidia.com/gpu.memory': '81559',
    });
  });
});

test('the default node takes simulated fleets of either vendor', () => {
  const nodes = [nodeObject('n0', '127.10.0.1', new Date(0), defaultGpus[0])];
  for (const resource of ['amd.com/gpu', 'nvidia.com/gpu']) {
    const wants = (count: string) =>
      pod('p', { spec: { containers: [container({ resources: { limits: { [resource]: count } } })] } });
    expect(placePod(wants('10000'), { ...view('none'), nodes })).toEqual({ nodeName: 'n0' });
    expect(placePod(wants('10001'), { ...view('none'), nodes })).toMatchObject({
      message: expect.stringContaining(`Insufficient ${resource}`) as unknown,
    });
  }
  const other = pod('p', { spec: { nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-A100-SXM4-80GB' } } });
  expect(placePod(other, { ...view('none'), nodes })).toEqual({ nodeName: 'n0' });
  expect(gpusText(defaultGpus)).toBe('MI300X:10000');
});

test('a pod wants what its containers want together, or its greediest init container', () => {
  const limits = { limits: { 'amd.com/gpu': '2' } };
  const one = container({ resources: limits });
  expect(gpusOf(pod('p', { spec: { containers: [one, one] } }), 'amd.com/gpu')).toBe(4);
  const init = container({ resources: { requests: { 'amd.com/gpu': '5' } } });
  expect(gpusOf(pod('p', { spec: { containers: [one], initContainers: [init] } }), 'amd.com/gpu')).toBe(5);
  expect(gpusOf(pod('p'), 'amd.com/gpu')).toBe(0);
});
