import { describe, expect, it } from 'vitest';
import { gatewayDuration } from '../../../src/kinds/durations.ts';
import { mergeEnv } from '../../../src/controllers/aim/mergeenv.ts';
import { displayReplicas } from '../../../src/controllers/aim/service/replicas.ts';
import { gpuResources, mergeResources } from '../../../src/controllers/aim/resources.ts';
import { mergeRouting, mergeRuntimeConfigs } from '../../../src/controllers/aim/runtimeconfig.ts';

describe('merging variables (aim.md 5.5)', () => {
  const json = ['AIM_ENGINE_ARGS'];
  const args = (value: string) => [{ name: 'AIM_ENGINE_ARGS', value }];

  it('keeps the order of the base, replaces in place and appends the rest in order', () => {
    const secret = { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } };
    const base = [
      { name: 'Z', value: '1' },
      { name: 'B', value: '2' },
    ];
    const override = [{ name: 'Y', value: '3' }, secret, { name: 'X', value: '4' }];
    expect(mergeEnv(base, override)).toEqual([{ name: 'Z', value: '1' }, secret, override[0], override[2]]);
    expect(mergeEnv(undefined, undefined)).toEqual([]);
  });

  it.each([
    ['{"b":1,"a":{"x":1,"y":2}}', '{"a":{"y":3},"c":[1]}', '{"a":{"x":1,"y":3},"b":1,"c":[1]}'],
    ['{"a":1}', '[1]', '[1]'],
    ['[1]', '{"a":1}', '{"a":1}'],
    ['not json', '{"a":1}', '{"a":1}'],
    ['', '{"a":1}', '{"a":1}'],
    ['{"a":1}', '', '{"a":1}'],
    ['{"a":"<"}', '{"b":2}', '{"a":"\\u003c","b":2}'],
  ])('joins the JSON objects of engine arguments: %s with %s', (base, override, expected) => {
    expect(mergeEnv(args(base), args(override), json)).toEqual(args(expected));
  });

  it('joins JSON only for the names that hold it', () => {
    expect(mergeEnv(args('{"a":1}'), args('{"b":1}'))).toEqual(args('{"b":1}'));
  });
});

describe('merging runtime configurations (aim.md 4, trap 11)', () => {
  it('lets the namespace win wherever it says something, also where it says false, 0 or nothing', () => {
    const cluster = {
      routing: { enabled: true, pathTemplate: '/a', requestTimeout: '1m' },
      storage: { defaultStorageClassName: 'fast', pvcHeadroomPercent: 25 },
    };
    const own = { routing: { enabled: false, pathTemplate: '' }, storage: { pvcHeadroomPercent: 0 } };
    expect(mergeRuntimeConfigs(cluster, own)).toEqual({
      routing: { enabled: false, pathTemplate: '', requestTimeout: '1m' },
      storage: { defaultStorageClassName: 'fast', pvcHeadroomPercent: 0 },
    });
  });

  it('merges a gatewayRef field by field, maps by key, variables by name, and replaces lists', () => {
    const cluster = {
      routing: { gatewayRef: { name: 'a', namespace: 'infra' }, annotations: { x: '1', y: '1' } },
      env: [
        { name: 'A', value: '1' },
        { name: 'AIM_ENGINE_ARGS', value: '{"a":1}' },
      ],
      labelPropagation: { enabled: true, match: ['a/*', 'b/*'] },
    };
    const own = {
      routing: { gatewayRef: { name: 'b' }, annotations: { y: '2' } },
      env: [
        { name: 'AIM_ENGINE_ARGS', value: '{"b":2}' },
        { name: 'C', value: '3' },
      ],
      labelPropagation: { match: ['c/*'] },
    };
    expect(mergeRuntimeConfigs(cluster, own)).toEqual({
      routing: { gatewayRef: { name: 'b', namespace: 'infra' }, annotations: { x: '1', y: '2' } },
      env: [
        { name: 'A', value: '1' },
        { name: 'AIM_ENGINE_ARGS', value: '{"a":1,"b":2}' },
        { name: 'C', value: '3' },
      ],
      labelPropagation: { enabled: true, match: ['c/*'] },
    });
  });

  it('takes the deprecated fields where storage says nothing', () => {
    const cluster = { defaultStorageClassName: 'old', pvcHeadroomPercent: 5, storage: { pvcHeadroomPercent: 7 } };
    expect(mergeRuntimeConfigs(cluster, undefined)).toEqual({
      storage: { defaultStorageClassName: 'old', pvcHeadroomPercent: 7 },
    });
    expect(mergeRuntimeConfigs(undefined, undefined)).toEqual({});
  });

  it('takes the gatewayRef of a service as a whole, and its annotations by key', () => {
    const config = { enabled: true, gatewayRef: { name: 'a', namespace: 'infra' }, annotations: { x: '1', y: '1' } };
    const service = { gatewayRef: { name: 'b' }, annotations: { y: '2' } };
    expect(mergeRouting(config, service)).toEqual({
      enabled: true,
      gatewayRef: { name: 'b' },
      annotations: { x: '1', y: '2' },
    });
  });
});

describe('durations (aim.md 16.4, trap 13)', () => {
  it.each([
    ['120s', '2m0s'],
    ['180s', '3m0s'],
    ['90m', '1h30m0s'],
    ['1500ms', '1s500ms'],
    ['1.5h', '1h30m0s'],
    ['1h30m', '1h30m0s'],
    ['250ms', '250ms'],
    ['1us', '1ms'],
    ['0s', '0s'],
    ['0', '0s'],
    ['99999h', '99999h0m0s'],
  ])('%s is %s', (text, expected) => {
    expect(gatewayDuration(text)).toBe(expected);
    expect(expected).toMatch(/^([0-9]{1,5}(h|m|s|ms)){1,4}$/);
  });
  it.each(['', '10', '1d', '-5s', '1,5s', '100000h'])('%j is none', (text) => {
    expect(gatewayDuration(text)).toBeUndefined();
  });
});

describe('resources (aim.md 5.7, 16.4)', () => {
  it('gives each GPU its share of CPUs and memory', () => {
    expect(gpuResources(2)).toEqual({
      requests: { cpu: '8', memory: '64Gi', 'amd.com/gpu': '2' },
      limits: { memory: '96Gi', 'amd.com/gpu': '2' },
    });
    expect(gpuResources(1, 'example.com/gpu').limits).toEqual({ memory: '48Gi', 'example.com/gpu': '1' });
    expect(gpuResources(0)).toEqual({});
  });
  it('overrides key by key, requests and limits apart', () => {
    const template = { requests: { cpu: '6' }, limits: { memory: '50Gi' } };
    const service = { limits: { memory: '60Gi', cpu: '9' } };
    expect(mergeResources(gpuResources(1), template, service)).toEqual({
      requests: { cpu: '6', memory: '32Gi', 'amd.com/gpu': '1' },
      limits: { memory: '60Gi', 'amd.com/gpu': '1', cpu: '9' },
    });
    expect(mergeResources(undefined, {})).toEqual({});
    // The complete example of seed 002: less than what two GPUs get by default.
    expect(mergeResources(gpuResources(2), { limits: { cpu: '6', memory: '48Gi' } })).toEqual({
      requests: { cpu: '6', memory: '48Gi', 'amd.com/gpu': '2' },
      limits: { cpu: '6', memory: '48Gi', 'amd.com/gpu': '2' },
    });
  });
});

it.each([
  [{ minReplicas: 3, maxReplicas: 3, currentReplicas: 3, desiredReplicas: 3 }, '3'],
  [{ minReplicas: 1, maxReplicas: 5, currentReplicas: 2, desiredReplicas: 4 }, '2/4 (1-5)'],
])('shows replicas %j as %s (aim.md 16.4)', (replicas, expected) => {
  expect(displayReplicas(replicas)).toBe(expected);
});
