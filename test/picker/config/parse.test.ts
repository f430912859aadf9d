import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/picker/config/parse.ts';

const head = 'apiVersion: inference.networking.x-k8s.io/v1alpha1\nkind: EndpointPickerConfig\n';
const weights = (text?: string) =>
  parseConfig(text).profiles.map(({ plugins }) => plugins.map(({ pluginRef, weight }) => [pluginRef, weight]));

describe('parseConfig', () => {
  it('reads the v1.0.1 file of three scorers, one profile, no picker and no weights', () => {
    const plugins = ['queue-scorer', 'kv-cache-utilization-scorer', 'prefix-cache-scorer'];
    const text = `${head}plugins:\n${plugins.map((type) => `- type: ${type}\n`).join('')}schedulingProfiles:\n- name: default\n  plugins:\n${plugins.map((name) => `  - pluginRef: ${name}\n`).join('')}`;
    expect(weights(text)).toEqual([[...plugins, 'max-score-picker'].map((name) => [name, 1])]);
    const { plugins: specs, saturationDetector, parser, flowControl } = parseConfig(text);
    expect(specs.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['single-profile-handler', 'approx-prefix-cache-producer']),
    );
    expect({ saturationDetector, parser, flowControl }).toEqual({
      saturationDetector: 'utilization-detector',
      parser: 'openai-parser',
      flowControl: undefined,
    });
  });

  it('has a default for no configuration at all, and for no profiles', () => {
    expect(weights()).toEqual([
      [
        ['queue-scorer', 2],
        ['kv-cache-utilization-scorer', 2],
        ['prefix-cache-scorer', 3],
        ['max-score-picker', 1],
      ],
    ]);
    expect(weights(`${head}plugins: [{type: queue-scorer}, {type: random-picker}]`)).toEqual([
      [
        ['queue-scorer', 1],
        ['random-picker', 1],
      ],
    ]);
  });

  it.each([
    ['hashBlockSize: 64, maxPrefixBlocksToMatch: 256, lruCapacityPerServer: 31250'],
    ['blockSize: 64, autoTune: false'],
    ['blockSizeTokens: 16'],
  ])('reads prefix parameters of every version: %s', (parameters) => {
    expect(() =>
      parseConfig(`${head}plugins: [{type: prefix-cache-scorer, parameters: {${parameters}}}]`),
    ).not.toThrow();
  });

  it('reads both shapes of the saturation detector and the flow control section', () => {
    const inline = parseConfig(
      `${head}plugins: [{type: queue-scorer}]\nsaturationDetector: {queueDepthThreshold: 7, metricsStalenessThreshold: 150ms}`,
    );
    expect(inline.plugins.find(({ type }) => type === 'utilization-detector')?.parameters).toMatchObject({
      queueDepthThreshold: 7,
    });
    const { flowControl } = parseConfig(
      `${head}featureGates: [flowControl]\nplugins: [{type: queue-scorer}]\nflowControl: {maxBytes: 1Gi, defaultRequestTTL: 1m30s, priorityBands: [{priority: 5, maxRequests: 10}]}`,
    );
    expect(flowControl).toMatchObject({
      maxBytes: 2 ** 30,
      defaultRequestTtlMs: 90_000,
      priorityBands: [{ priority: 5, maxRequests: 10, maxBytes: 1e9, orderingPolicyRef: 'fcfs-ordering-policy' }],
    });
  });

  it.each([
    [
      'plugins: [{type: queue-scorer}]\ndataLayer: {discovery: {pluginRef: queue-scorer}}',
      'config.dataLayer.discovery: a plugin of type file-discovery expected, got "queue-scorer"',
    ],
    [
      'plugins: [{type: file-discovery}]\ndataLayer: {discovery: {endpoints: {pluginRef: file-discovery}}}',
      'plugin "file-discovery" (file-discovery): parameters.path: text that is not empty expected',
    ],
    ['plugins: [{type: queue-scorr}]', 'plugin "queue-scorr" (queue-scorr): unknown type; known types are'],
    [
      'plugins: [{type: queue-scorer}, {type: queue-scorer}]',
      'plugin "queue-scorer" (queue-scorer): the name is taken',
    ],
    [
      'plugins: [{type: load-aware-scorer, name: l, parameters: {threshold: -1}}]',
      'plugin "l" (load-aware-scorer): parameters.threshold: more than 0 expected, got -1',
    ],
    [
      'plugins: [{type: load-aware-scorer, parameters: {treshold: 1}}]',
      'plugin "load-aware-scorer" (load-aware-scorer): parameters.treshold: unknown field; known are threshold',
    ],
    [
      'plugins: [{type: queue-scorer, weight: 2}]',
      'config.plugins[0].weight: unknown field; known are name, parameters, type',
    ],
    ['plugin: []', 'config.plugin: unknown field'],
    ['featureGates: [magic]', 'config.featureGates: one of'],
    [
      'plugins: [{type: random-picker}, {type: max-score-picker}]',
      'scheduling profile "default": one picker expected, got "random-picker", "max-score-picker"',
    ],
    [
      'plugins: [{type: queue-scorer}]\nschedulingProfiles: [{name: a, plugins: [{pluginRef: x}]}]',
      'config.schedulingProfiles[0].plugins[0].pluginRef: the name of a declared plugin expected, got "x"',
    ],
    [
      'plugins: [{type: single-profile-handler}]\nschedulingProfiles: [{name: a}, {name: b}]',
      'exactly one scheduling profile expected, got 2',
    ],
    ['plugins: [{type: predicted-latency-producer}]', 'latency predictions are not supported yet'],
    [
      'plugins: [{type: request-attribute-reporter, parameters: {attributes: [{key: {name: a}, expression: "1 +"}]}}]',
      'expression: a CEL expression expected',
    ],
    ['plugins: [{type: request-attribute-reporter}]', 'attributes: exactly one attribute expected'],
    ['plugins: [{type: disagg-profile-handler}]', 'no scheduling profile "decode"'],
    [
      'plugins: [{type: core-metrics-extractor, parameters: {engineConfigs: [{name: x, kvUsageSpec: "a{b"}]}}]',
      'not a metric spec: "a{b"',
    ],
    ['plugins: [', 'file.yaml: not YAML'],
  ])('refuses %s', (text, message) => {
    expect(() => parseConfig(`${head}${text}`, 'file.yaml')).toThrow(message);
  });

  it.each(['apiVersion: v1\nkind: EndpointPickerConfig', 'apiVersion: llm-d.ai/v1alpha1\nkind: Picker', 'text', ''])(
    'refuses %j',
    (text) => {
      expect(() => parseConfig(text)).toThrow('expected');
    },
  );

  it('is documented: docs/picker.md names every plugin type', async () => {
    const { pluginTypes } = await import('../../../src/picker/registry.ts');
    const page = readFileSync(new URL('../../../docs/picker.md', import.meta.url), 'utf8');
    for (const type of pluginTypes) expect(page).toContain(`\`${type}\``);
  });
});
