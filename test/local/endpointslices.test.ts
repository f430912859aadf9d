import { expect, test } from 'vitest';
import type { Service } from '../../src/kinds/core/service.ts';
import { planEndpoints, planEndpointSlices } from '../../src/local/endpointslices.ts';
import { readyEndpoints } from '../../src/local/serviceproxy.ts';
import { container, pod, readyStatus } from './objects.ts';

function service(spec: Partial<Service['spec']>): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default', uid: 'uid-web' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }], ...spec },
  };
}

const since = '2026-01-01T00:00:00Z';

function webPod(
  name: string,
  port: number,
  options: { ip: string; ready?: boolean; deleted?: boolean; phase?: string },
) {
  const status = readyStatus(since, options.ip);
  return pod(name, {
    metadata: { labels: { app: 'web' }, ...(options.deleted === true ? { deletionTimestamp: since } : {}) },
    spec: { nodeName: 'headgate', containers: [container({ ports: [{ name: 'http', containerPort: port }] })] },
    status: { ...status, phase: options.phase ?? 'Running', ...(options.ready === false ? { conditions: [] } : {}) },
  });
}

test('endpoints carry readiness and termination; ended Pods and others are none', () => {
  const pods = [
    webPod('a', 8080, { ip: '127.10.0.2' }),
    webPod('b', 8080, { ip: '127.10.0.3', ready: false }),
    webPod('c', 8080, { ip: '127.10.0.4', deleted: true }),
    webPod('d', 8080, { ip: '127.10.0.5', phase: 'Succeeded' }),
    pod('e', { status: readyStatus(since) }),
  ];
  const [slice, ...others] = planEndpointSlices(service({}), pods);
  expect(others).toEqual([]);
  expect(slice?.ports).toEqual([{ name: '', port: 8080, protocol: 'TCP' }]);
  expect(slice?.endpoints.map(({ addresses, conditions }) => [addresses[0], conditions])).toEqual([
    ['127.10.0.2', { ready: true, serving: true, terminating: false }],
    ['127.10.0.3', { ready: false, serving: false, terminating: false }],
    ['127.10.0.4', { ready: false, serving: true, terminating: true }],
  ]);
  expect(slice?.metadata.labels).toMatchObject({ 'kubernetes.io/service-name': 'web' });
  expect(slice === undefined ? [] : readyEndpoints([slice], {})).toEqual([{ address: '127.10.0.2', port: 8080 }]);
  expect(planEndpoints(service({}), slice === undefined ? [] : [slice]).subsets).toMatchObject([
    {
      addresses: [{ ip: '127.10.0.2' }],
      notReadyAddresses: [{ ip: '127.10.0.3' }],
      ports: [{ port: 8080, protocol: 'TCP' }],
    },
  ]);
});

test('a named port that is another number in another Pod makes a slice of its own', () => {
  const slices = planEndpointSlices(service({}), [
    webPod('a', 8080, { ip: '127.10.0.2' }),
    webPod('b', 9090, { ip: '127.10.0.3' }),
  ]);
  expect(slices.map(({ ports }) => ports?.[0]?.port)).toEqual([8080, 9090]);
  expect(new Set(slices.map(({ metadata }) => metadata.name)).size).toBe(2);
});

test('ports by number, by default, and several by name', () => {
  const ports = [
    { name: 'a', port: 1, targetPort: 8080 },
    { name: 'b', port: 2 },
    { name: 'c', port: 3, targetPort: 'nope' },
  ];
  const [slice] = planEndpointSlices(service({ ports }), [webPod('a', 8080, { ip: '127.10.0.2' })]);
  expect(slice?.ports?.map(({ name, port }) => [name, port])).toEqual([
    ['a', 8080],
    ['b', 2],
  ]);
});

test('a Service without Pods has one empty slice, one without selector none, a headless one is marked', () => {
  expect(planEndpointSlices(service({}), [])).toMatchObject([{ endpoints: [] }]);
  expect(planEndpointSlices(service({ selector: {} }), [webPod('a', 1, { ip: '127.10.0.2' })])).toEqual([]);
  const [headless] = planEndpointSlices(service({ clusterIP: 'None' }), [webPod('a', 1, { ip: '127.10.0.2' })]);
  expect(headless?.metadata.labels).toHaveProperty(['service.kubernetes.io/headless'], '');
});

test('publishNotReadyAddresses makes endpoints ready at once', () => {
  const [slice] = planEndpointSlices(service({ publishNotReadyAddresses: true }), [
    webPod('a', 1, { ip: '127.10.0.2', ready: false }),
  ]);
  expect(slice?.endpoints[0]?.conditions).toMatchObject({ ready: true, serving: false });
});
