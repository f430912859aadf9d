import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DiscoveryParseError, parseDiscoveryOutput } from '../../../../src/controllers/aim/discovery/output.ts';

const entry = {
  filename: 'mi300x-fp16.yaml',
  profile: {
    model: 'org/model',
    quantized_model: '',
    metadata: { engine: 'vllm', gpu: 'MI300X', precision: 'fp16', gpu_count: 1, metric: 'latency', type: 'optimized' },
    engine_args: { 'max-model-len': 4096, nested: { a: [1] } },
    env_vars: { A: '1' },
  },
  models: [{ name: 'org/model', source: 'hf://org/model', size_gb: 0.5 }],
};
const parsed = {
  modelSources: [{ modelId: 'org/model', sourceUri: 'hf://org/model', size: '512Mi' }],
  profile: {
    model: 'org/model',
    quantized_model: '',
    engine_args: entry.profile.engine_args,
    env_vars: { A: '1' },
    metadata: { engine: 'vllm', gpu: 'MI300X', precision: 'fp16', gpuCount: 1, metric: 'latency', type: 'optimized' },
  },
};
const json = JSON.stringify([entry, { profile: {} }]);

describe('discovery output (aim.md 7.4)', () => {
  it.each([
    ['the whole log', json],
    ['indented', JSON.stringify([entry], undefined, 2)],
    ['after log lines', `INFO starting\n[WARN] careful [x]\n${json}`],
    ['before log lines without brackets', `${json}\ndone\n`],
    ['after an unclosed bracket', `[[ oops\n${json}`],
  ])('takes the first profile from %s', (_, log) => {
    expect(parseDiscoveryOutput(log)).toEqual(parsed);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'Traceback (most recent call last): boom'],
    ['an empty array', '[]'],
    ['an object', '{}'],
    ['half an array', json.slice(0, -20)],
    ['numbers', '[1, 2]'],
    ['a model without a source', JSON.stringify([{ ...entry, models: [{ name: 'org/model' }] }])],
    ['a source that is no model source', JSON.stringify([{ ...entry, models: [{ name: 'a/b', source: 'http://x' }] }])],
    ['a negative size', JSON.stringify([{ ...entry, models: [{ name: 'a/b', source: 'hf://a/b', size_gb: -1 }] }])],
    ['brackets only', '['.repeat(50_000) + ']'],
  ])('refuses %s (trap 7)', (_, log) => {
    expect(() => parseDiscoveryOutput(log)).toThrow(DiscoveryParseError);
  });

  it('says what to do when there is no list', () => {
    expect(() => parseDiscoveryOutput('boom')).toThrow(/see the log of the discovery pod/);
  });

  it('refuses values that the status has no word for, and names them (trap 9)', () => {
    const profile = { ...entry.profile, metadata: { ...entry.profile.metadata, precision: 'fp6' } };
    expect(() => parseDiscoveryOutput(JSON.stringify([{ ...entry, profile }]))).toThrow(
      'profile.metadata.precision is "fp6", which is none of auto, fp4',
    );
  });

  it('reads enums in any case, and empty ones as absent', () => {
    const metadata = { precision: 'FP16', metric: '', gpu_count: 0 };
    expect(parseDiscoveryOutput(JSON.stringify([{ profile: { metadata } }]))).toEqual({
      modelSources: [],
      profile: { metadata: { precision: 'fp16', gpuCount: 0 } },
    });
  });

  it.each([
    [0.5, '512Mi'],
    [16, '16Gi'],
    [8.47, '9094593249'],
    [0, '0'],
  ])('%s size_gb are GiB: %s (trap 13)', (sizeGb, size) => {
    const log = JSON.stringify([{ profile: {}, models: [{ name: 'a/b', source: 's3://a/b', size_gb: sizeGb }] }]);
    expect(parseDiscoveryOutput(log).modelSources[0]?.size).toBe(size);
  });

  it('finds the array whatever stands before it', () => {
    fc.assert(
      fc.property(fc.string(), (noise) => {
        expect(parseDiscoveryOutput(`${noise}\n${json}`)).toEqual(parsed);
      }),
    );
  });

  it('throws nothing but its own error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json().map((text) => `[${text}]`),
        ),
        (log) => {
          try {
            parseDiscoveryOutput(log);
          } catch (error) {
            expect(error).toBeInstanceOf(DiscoveryParseError);
          }
        },
      ),
    );
  });
});
