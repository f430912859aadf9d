import { describe, expect, test } from 'vitest';
import { decide } from '../../../src/controllers/airunway/decision.ts';
import { selectEngine, selectProvider } from '../../../src/controllers/airunway/selection.ts';
import { conditionHolds, specForRules } from '../../../src/controllers/airunway/selectionrules.ts';
import { airunway, kubeairunway } from '../../../src/kinds/airunway/dialect.ts';
import type { InferenceProviderConfig } from '../../../src/kinds/airunway/inferenceproviderconfig.ts';
import type { ModelDeployment } from '../../../src/kinds/airunway/modeldeployment.ts';
import { allProviders, deployment, providerConfig } from './objects.ts';

/** Selection by airunway.md 3.5 and 3.6, the matrix of 5.2 and traps 5 to 8. */

type Spec = Partial<ModelDeployment['spec']>;

function chosen(spec: Spec, configs: readonly InferenceProviderConfig[] = allProviders()): string {
  const object = deployment(spec);
  const engine = selectEngine(object, configs);
  if ('error' in engine) return `engine: ${engine.error}`;
  const provider = selectProvider(object, engine.name, configs);
  return 'error' in provider ? `provider: ${provider.error}` : `${engine.name} on ${provider.name}`;
}

const gpus = (count: number) => ({ resources: { gpu: { count, type: 'nvidia.com/gpu' } } });
const roles = { scaling: { prefill: { gpu: { count: 1 } }, decode: { gpu: { count: 1 } } } };

describe('the choices of the matrix', () => {
  test.each<[Spec, string]>([
    [{}, 'vllm on dynamo'],
    [gpus(1), 'vllm on dynamo'],
    [gpus(2), 'vllm on kuberay'],
    [gpus(8), 'vllm on kuberay'],
    [{ serving: { mode: 'disaggregated' }, ...roles }, 'vllm on dynamo'],
    [{ engine: { type: 'sglang' }, ...gpus(1) }, 'sglang on dynamo'],
    [{ engine: { type: 'sglang' }, ...gpus(4) }, 'sglang on dynamo'],
    [{ engine: { type: 'trtllm' }, ...gpus(1) }, 'trtllm on dynamo'],
    [
      { engine: { type: 'trtllm' }, serving: { mode: 'disaggregated' }, ...roles },
      'provider: no compatible provider found for this configuration',
    ],
    [{ engine: { type: 'llamacpp' }, ...gpus(1) }, 'llamacpp on kaito'],
    [gpus(0), 'llamacpp on kaito'],
    [{ provider: { name: 'llmd' }, ...gpus(1) }, 'vllm on llmd'],
    [{ provider: { name: 'nobody' }, ...gpus(1) }, 'vllm on nobody'],
  ])('%j -> %s', (spec, expected) => {
    expect(chosen(spec)).toBe(expected);
  });

  test.each<[string, readonly InferenceProviderConfig[], string]>([
    ['nothing installed but Headgate', allProviders(['dynamo', 'kaito', 'kuberay']), 'vllm on vllm'],
    ['without vllm', allProviders(['dynamo', 'kaito', 'kuberay', 'vllm']), 'vllm on llmd'],
    ['nobody', [], 'engine: no providers registered (InferenceProviderConfig resources not found)'],
    [
      'nobody ready',
      [providerConfig('vllm', [{ name: 'vllm' }], { ready: false })],
      'engine: no engines available from registered providers (gpu=true, mode=aggregated; offered: vllm by vllm (not ready))',
    ],
  ])('with %s', (_name, configs, expected) => {
    expect(chosen(gpus(1), configs)).toBe(expected);
  });

  describe('where the servers of vllm are simulated, without GPUs', () => {
    const simulated = (...without: string[]) =>
      allProviders(without).map((config): InferenceProviderConfig => {
        if (config.metadata.name !== 'vllm') return config;
        const engines = [
          { name: 'vllm' as const, servingModes: ['aggregated' as const], gpuSupport: true, cpuSupport: true },
        ];
        const metadata = { ...config.metadata, annotations: { 'headgate.dev/simulated-without-gpus': 'true' } };
        return { ...providerConfig('vllm', engines), metadata };
      });

    test('a bare model runs on vllm where nobody really runs it', () => {
      expect(chosen(gpus(0), simulated('dynamo', 'kaito', 'kuberay'))).toBe('vllm on vllm');
    });

    test('KAITO, which really runs it, is preferred', () => {
      expect(chosen(gpus(0), simulated('dynamo', 'kuberay'))).toBe('llamacpp on kaito');
    });

    test('an engine that is named with an image of its own needs GPUs', () => {
      const spec = { ...gpus(0), engine: { type: 'vllm' as const }, image: 'example.com/mine:1' };
      const decision = decide(
        deployment(spec),
        simulated('dynamo', 'kaito', 'kuberay'),
        { providerSelector: true },
        airunway,
      );
      expect(decision.stopped).toMatchObject({
        phase: 'Failed',
        message: expect.stringContaining('requires GPU') as string,
      });
    });

    test('GPUs are asked of all alike', () => {
      expect(chosen(gpus(1), simulated('dynamo', 'kuberay'))).toBe('vllm on kaito');
    });
  });
});

const vllm = { name: 'vllm' as const, servingModes: ['aggregated' as const], gpuSupport: true };

describe('among providers', () => {
  test.each<[string, InferenceProviderConfig[], string]>([
    [
      'the highest priority of a rule that holds wins',
      [
        providerConfig('a', [vllm], { rules: [{ condition: 'true', priority: 1 }] }),
        providerConfig('b', [vllm], {
          rules: [
            { condition: 'false', priority: 99 },
            { condition: 'true', priority: 2 },
          ],
        }),
      ],
      'b',
    ],
    ['names decide among equals', [providerConfig('b', [vllm]), providerConfig('a', [vllm])], 'a'],
    [
      'a rule of priority 0 is no better than none',
      [providerConfig('a', [vllm]), providerConfig('b', [vllm], { rules: [{ condition: 'true' }] })],
      'a',
    ],
    [
      'rules that do not parse, fail or are no boolean count for nothing',
      [
        providerConfig('b', [vllm], {
          rules: [
            { condition: 'spec.', priority: 9 },
            { condition: 'spec.nope.x', priority: 9 },
            { condition: '"yes"', priority: 9 },
          ],
        }),
        providerConfig('a', [vllm]),
      ],
      'a',
    ],
    [
      'who is not ready is no candidate',
      [providerConfig('a', [vllm], { ready: false }), providerConfig('b', [vllm])],
      'b',
    ],
    [
      'who cannot is no candidate',
      [
        providerConfig('a', [{ ...vllm, gpuSupport: false }]),
        providerConfig('b', [{ ...vllm, servingModes: ['disaggregated'] }]),
        providerConfig('c', [{ ...vllm, name: 'sglang' }]),
        providerConfig('d', [vllm]),
      ],
      'd',
    ],
  ])('%s', (_name, configs, expected) => {
    expect(selectProvider(deployment(), 'vllm', configs)).toMatchObject({ name: expected });
  });

  test('what is in the status is never chosen anew', () => {
    const status = {
      engine: { type: 'sglang' as const, selectedReason: 'x' },
      provider: { name: 'gone', selectedReason: 'y' },
    };
    const object = deployment({}, { status });
    expect(selectEngine(object, [])).toEqual({ name: 'sglang', reason: 'x', explicit: false });
    expect(selectProvider(object, 'sglang', [])).toEqual({ name: 'gone', reason: 'y', explicit: false });
  });
});

describe('rules see the spec as Go encodes it', () => {
  const holds = (condition: string, spec: Spec, admitted = true): boolean =>
    conditionHolds(condition, specForRules(deployment(spec, { admitted }), 'vllm'));
  test.each<[string, Spec, boolean]>([
    ['!has(spec.resources.gpu) || spec.resources.gpu.count == 0', gpus(0), false],
    ['!has(spec.resources.gpu) || spec.resources.gpu.count == 0', {}, false],
    ['!has(spec.resources.gpu) || spec.resources.gpu.count == 0', { resources: { cpu: '1' } }, true],
    ['spec.engine.type == "vllm"', {}, true],
    ['has(spec.scaling.replicas)', { scaling: { replicas: 0 } }, false],
    ['has(spec.engine.trustRemoteCode)', { engine: { trustRemoteCode: false } }, false],
    ['spec.gateway.enabled == false', { gateway: { enabled: false } }, true],
    ['spec.resources.gpu.count % 2 == 0', gpus(2), false],
    ['spec.resources.gpu.count > 1', gpus(2), true],
    ['spec.model.id.startsWith("Qwen/")', {}, true],
  ])('%s of %j is %s', (condition, spec, expected) => {
    expect(holds(condition, spec, false)).toBe(expected);
  });
});

describe('decisions', () => {
  const on = { providerSelector: true };
  const say = (object: ModelDeployment, configs = allProviders(), settings = on, dialect = kubeairunway) => {
    const { conditions, stopped } = decide(object, configs, settings, dialect);
    return { last: conditions.at(-1), stopped };
  };

  test('engine, validity and provider are each told', () => {
    const { conditions, status } = decide(deployment(gpus(1)), allProviders(), on, kubeairunway);
    expect(conditions.map(({ type, status: holds, reason }) => `${type}=${holds}/${reason}`)).toEqual([
      'EngineSelected=True/AutoSelected',
      'Validated=True/ValidationPassed',
      'ProviderSelected=True/AutoSelected',
    ]);
    expect(conditions[0]?.message).toBe('Engine vllm auto-selected from provider dynamo');
    expect(conditions[2]?.message).toBe('Provider dynamo auto-selected');
    expect(status.provider?.selectedReason).toBe('matched capabilities: engine=vllm, gpu=true, mode=aggregated');
  });

  test.each<[string, ModelDeployment, string, string, 'Failed' | undefined]>([
    [
      'no id',
      deployment({ model: {} }, { admitted: false }),
      'Validated',
      'model.id is required when source is huggingface',
      'Failed',
    ],
    [
      'no GPU for an engine that needs one',
      deployment({ engine: { type: 'vllm' } }, { admitted: false }),
      'Validated',
      'vllm engine requires GPU (set resources.gpu.count > 0)',
      'Failed',
    ],
    [
      'roles and resources',
      deployment({ serving: { mode: 'disaggregated' }, ...gpus(1), ...roles }, { admitted: false }),
      'Validated',
      'cannot specify both resources.gpu and scaling.prefill/decode in disaggregated mode',
      'Failed',
    ],
    [
      'no decode',
      deployment(
        { serving: { mode: 'disaggregated' }, scaling: { prefill: { gpu: { count: 1 } } } },
        { admitted: false },
      ),
      'Validated',
      'disaggregated mode requires scaling.prefill and scaling.decode',
      'Failed',
    ],
    [
      'two images',
      deployment({ image: 'a', engine: { image: 'b' } }),
      'Validated',
      'spec.image a and spec.engine.image b differ: set one of them',
      'Failed',
    ],
    [
      'another provider than before',
      deployment({ provider: { name: 'kaito' } }, { status: { provider: { name: 'vllm' } } }),
      'ProviderSelected',
      'provider vllm cannot be changed to kaito: delete the deployment and create it again',
      'Failed',
    ],
  ])('%s stops', (_name, object, type, message, phase) => {
    const { last, stopped } = say(object);
    expect(last).toMatchObject({ type, status: 'False', message });
    expect(stopped?.phase).toBe(phase);
    expect(stopped?.message).toContain(message);
  });

  test('without a provider that can, the phase stays', () => {
    expect(say(deployment(gpus(1)), []).stopped).toEqual({
      message: 'Engine selection failed: no providers registered (InferenceProviderConfig resources not found)',
    });
  });

  test('without the selector, engine and provider have to be named', () => {
    const off = { providerSelector: false };
    expect(say(deployment({}), allProviders(), off).stopped?.message).toContain('engine.type must be specified');
    expect(say(deployment({ engine: { type: 'vllm' } }), allProviders(), off).last).toMatchObject({
      reason: 'NoProvider',
      message: 'No provider specified and provider-selector not enabled',
    });
    expect(say(deployment({ engine: { type: 'vllm' }, provider: { name: 'vllm' } }), [], off).last).toMatchObject({
      type: 'ProviderSelected',
      status: 'True',
      reason: 'ExplicitSelection',
    });
  });

  test.each<[Spec, string]>([
    [{ engine: { type: 'sglang' }, provider: { name: 'vllm' } }, 'provider vllm does not support engine sglang'],
    [
      { engine: { type: 'vllm' }, provider: { name: 'vllm' }, serving: { mode: 'disaggregated' } },
      'provider vllm does not support disaggregated mode for engine vllm',
    ],
    [
      { engine: { type: 'vllm' }, provider: { name: 'vllm' } },
      'vllm engine on provider vllm requires GPU (set resources.gpu.count > 0)',
    ],
    [{ engine: { type: 'vllm' } }, 'vllm engine requires GPU (set resources.gpu.count > 0)'],
  ])('under the later name, %j: %s', (spec, message) => {
    expect(say(deployment(spec, { admitted: false }), allProviders(), on, airunway).last).toMatchObject({
      type: 'Validated',
      message,
    });
  });
});
