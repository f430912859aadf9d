import { describe, expect, test } from 'vitest';
import { modelDeploymentAdmission } from '../../../src/kinds/airunway/admission.ts';
import { airunway, kubeairunway, type AirunwayDialect } from '../../../src/kinds/airunway/dialect.ts';
import type { ModelDeployment } from '../../../src/kinds/airunway/modeldeployment.ts';

/** The admission table of airunway.md 3.10 and the storage rules of 1.2. */

type Spec = ModelDeployment['spec'];

const model = { id: 'Qwen/Qwen3-0.6B' };

function deployment(spec: Spec, name = 'qwen3', status?: ModelDeployment['status']): ModelDeployment {
  return {
    apiVersion: 'kubeairunway.ai/v1alpha1',
    kind: 'ModelDeployment',
    metadata: { name, namespace: 'default' },
    spec,
    ...(status === undefined ? {} : { status }),
  };
}

const complete = (spec: Spec, dialect: AirunwayDialect = kubeairunway): Spec =>
  modelDeploymentAdmission(dialect).complete(deployment(spec)).spec;

/** The errors that a creation gets, as `field: message`. */
function errorsOf(spec: Spec, dialect: AirunwayDialect = kubeairunway, name = 'qwen3'): string[] {
  const admission = modelDeploymentAdmission(dialect);
  const { errors } = admission.review(admission.complete(deployment(spec, name)), undefined);
  return errors.map(({ field, message }) => `${field}: ${message}`);
}

function updateErrors(before: Spec, after: Spec, status?: ModelDeployment['status']): string[] {
  const admission = modelDeploymentAdmission(kubeairunway);
  const old = { ...admission.complete(deployment(before)), ...(status === undefined ? {} : { status }) };
  const { errors } = admission.review(admission.complete(deployment(after)), old);
  return errors.map(({ field, message }) => `${field}: ${message}`);
}

const gpuDefault = { gpu: { count: 1, type: 'nvidia.com/gpu' } };
const role = { gpu: { count: 1 } };

describe('defaults', () => {
  test.each<[string, AirunwayDialect, Spec, Partial<Spec>]>([
    [
      'a bare model gets everything, a GPU too',
      kubeairunway,
      { model },
      {
        model: { ...model, source: 'huggingface' },
        serving: { mode: 'aggregated' },
        scaling: { replicas: 1 },
        resources: gpuDefault,
      },
    ],
    ['llamacpp gets a GPU, too', kubeairunway, { model, engine: { type: 'llamacpp' } }, { resources: gpuDefault }],
    ['given resources are left alone', kubeairunway, { model, resources: { cpu: '2' } }, { resources: { cpu: '2' } }],
    [
      'a GPU without a type gets one',
      kubeairunway,
      { model, resources: { gpu: { count: 2 } } },
      { resources: { gpu: { count: 2, type: 'nvidia.com/gpu' } } },
    ],
    [
      'a GPU with an empty type gets one, in roles too',
      kubeairunway,
      {
        model,
        serving: { mode: 'disaggregated' },
        scaling: { prefill: { gpu: { count: 1, type: '' } }, decode: role },
      },
      { scaling: { prefill: gpuDefault, decode: gpuDefault } },
    ],
    ['an empty serving is aggregated', kubeairunway, { model, serving: {} }, { serving: { mode: 'aggregated' } }],
    ['replicas of 0 stay 0', kubeairunway, { model, scaling: { replicas: 0 } }, { scaling: { replicas: 0 } }],
    [
      'an engine that needs a GPU gets one under the later name',
      airunway,
      { model, engine: { type: 'vllm' } },
      { resources: gpuDefault },
    ],
  ])('%s', (_name, dialect, spec, expected) => {
    expect(complete(spec, dialect)).toMatchObject(expected);
  });

  test.each<[string, AirunwayDialect, Spec]>([
    ['a bare model under the later name', airunway, { model }],
    ['llamacpp under the later name', airunway, { model, engine: { type: 'llamacpp' } }],
    ['an image under the later name', airunway, { model, engine: { type: 'vllm' }, image: 'example.com/vllm' }],
    ['disaggregated serving', kubeairunway, { model, serving: { mode: 'disaggregated' } }],
  ])('no GPU is given to %s', (_name, dialect, spec) => {
    expect(complete(spec, dialect).resources).toBeUndefined();
  });

  test('volumes', () => {
    const volumes = [
      { name: 'weights', purpose: 'modelCache' as const, size: '10Gi' },
      { name: 'compiled', purpose: 'compilationCache' as const, claimName: 'compiled' },
    ];
    expect(complete({ model: { ...model, storage: { volumes } } }).model.storage?.volumes).toEqual([
      { ...volumes[0], mountPath: '/model-cache', claimName: 'qwen3-weights', accessMode: 'ReadWriteMany' },
      { ...volumes[1], mountPath: '/compilation-cache' },
    ]);
  });
});

const disaggregated = (fields: Partial<Spec>): Spec => ({
  model,
  serving: { mode: 'disaggregated' },
  scaling: { prefill: role, decode: role },
  ...fields,
});
const volume = (fields: object): Spec => ({
  model: { ...model, storage: { volumes: [{ name: 'v', claimName: 'c', mountPath: '/v', ...fields }] } },
});
const path = 'spec.model.storage.volumes';

describe('creations', () => {
  test.each<[Spec, string[]]>([
    [{ model }, []],
    [{ model: {} }, ['spec.model.id: Required value: model.id is required when source is huggingface']],
    [{ model: { source: 'custom' } }, []],
    ...(['vllm', 'sglang', 'trtllm'] as const).map((type): [Spec, string[]] => [
      { model, engine: { type }, resources: { gpu: { count: 0 } } },
      [`spec.resources.gpu.count: Invalid value: 0: ${type} engine requires GPU (set resources.gpu.count > 0)`],
    ]),
    [{ model, engine: { type: 'llamacpp' }, resources: { gpu: { count: 0 } } }, []],
    [disaggregated({}), []],
    [
      disaggregated({ resources: { gpu: { count: 1, type: 'a' } } }),
      [
        'spec.resources.gpu: Invalid value: {"count":1,"type":"a"}: cannot specify both resources.gpu and scaling.prefill/decode in disaggregated mode',
      ],
    ],
    [
      { model, serving: { mode: 'disaggregated' } },
      ['spec.scaling: Required value: disaggregated mode requires scaling configuration'],
    ],
    [
      disaggregated({ scaling: {} }),
      [
        'spec.scaling.prefill: Required value: disaggregated mode requires scaling.prefill',
        'spec.scaling.decode: Required value: disaggregated mode requires scaling.decode',
      ],
    ],
    [
      disaggregated({ scaling: { prefill: { replicas: 1 }, decode: { gpu: { count: 0 } } } }),
      [
        'spec.scaling.prefill.gpu.count: Required value: disaggregated mode requires scaling.prefill.gpu.count > 0',
        'spec.scaling.decode.gpu.count: Required value: disaggregated mode requires scaling.decode.gpu.count > 0',
      ],
    ],
    [{ model, image: 'a', engine: { image: 'a' } }, []],
    [
      { model, image: 'a', engine: { image: 'b' } },
      ['spec.engine.image: Invalid value: "b": conflicts with spec.image "a"'],
    ],
    ...['--max-model-len', '--max-model-len=9'].map((argument): [Spec, string[]] => [
      { model, engine: { args: { 'max-model-len': '8' }, extraArgs: ['--seed', argument] } },
      [`spec.engine.extraArgs[1]: Invalid value: "${argument}": the flag --max-model-len is in engine.args, too`],
    ]),
    [{ model, resources: { gpu: { count: 64 }, cpu: '512', memory: '4Ti' }, scaling: { replicas: 32 } }, []],
    [
      { model, resources: { gpu: { count: 65 }, cpu: '513', memory: '5Ti' }, scaling: { replicas: 33 } },
      [
        'spec.resources.gpu.count: Invalid value: 65: must be at most 64',
        'spec.resources.cpu: Invalid value: "513": must be at most 512',
        'spec.resources.memory: Invalid value: "5Ti": must be at most 4Ti',
        'spec.scaling.replicas: Invalid value: 33: must be at most 32',
      ],
    ],
    [
      { model, resources: { memory: 'much' } },
      ['spec.resources.memory: Invalid value: "much": invalid resource quantity'],
    ],
    [{ model, provider: { overrides: { spec: { template: { labels: { a: 'b' } } } } } }, []],
    [
      { model, provider: { overrides: { spec: { replicas: 9, pods: [{ securityContext: { hostPID: true } }] } } } },
      [
        'spec.provider.overrides.spec.replicas: Forbidden: may not be overridden',
        'spec.provider.overrides.spec.pods[0].securityContext: Forbidden: may not be overridden',
      ],
    ],
    [volume({}), []],
    [volume({ claimName: undefined }), [`${path}[0].claimName: Required value: claimName or size must be given`]],
    [volume({ accessMode: 'ReadWriteOnce' }), [`${path}[0].accessMode: Invalid value: "ReadWriteOnce": needs size`]],
    [
      volume({ size: '1Gi', claimName: 'c' }),
      [`${path}[0].claimName: Invalid value: "c": with size it must be "qwen3-v"`],
    ],
    [
      volume({ size: '1Gi', claimName: undefined, readOnly: true }),
      [`${path}[0].readOnly: Invalid value: true: may not be combined with size`],
    ],
    [volume({ size: '0', claimName: undefined }), [`${path}[0].size: Invalid value: "0": must be greater than 0`]],
    [volume({ mountPath: undefined }), [`${path}[0].mountPath: Required value: custom volumes need one`]],
    [volume({ mountPath: 'v' }), [`${path}[0].mountPath: Invalid value: "v": must be absolute`]],
    ...['/dev', '/etc/x', '/var/run/y'].map((mountPath): [Spec, string[]] => [
      volume({ mountPath }),
      [
        `${path}[0].mountPath: Invalid value: "${mountPath}": may not be at or below ${mountPath.replace(/\/[xy]$/, '')}`,
      ],
    ]),
    [volume({ mountPath: '/device' }), []],
    [
      {
        model: {
          ...model,
          storage: {
            volumes: [
              { name: 'a', claimName: 'c', mountPath: '/m', purpose: 'modelCache' },
              { name: 'b', claimName: 'c', mountPath: '/m', purpose: 'modelCache' },
            ],
          },
        },
      },
      [
        `${path}[1].claimName: Duplicate value: "c"`,
        `${path}[1].mountPath: Duplicate value: "/m"`,
        `${path}: Invalid value: "b": only one volume may have the purpose modelCache`,
      ],
    ],
  ])('%j', (spec, expected) => {
    expect(errorsOf(spec)).toEqual(expected);
  });

  test('the later name leaves it to the provider whether an engine needs a GPU', () => {
    expect(errorsOf({ model, engine: { type: 'vllm' }, resources: { gpu: { count: 0 } } }, airunway)).toEqual([]);
  });

  test('names have no dots', () => {
    expect(errorsOf({ model }, kubeairunway, 'qwen3-0.6b')).toEqual([
      'metadata.name: Invalid value: "qwen3-0.6b": may not contain dots: Services are named after it',
    ]);
  });

  test.each([
    ['7b-model', false],
    ['a'.repeat(64), false],
    ['a'.repeat(63), true],
    ['a', true],
    ['model-7b', true],
  ])('the name %s is one of a Service: %s', (name, fits) => {
    const rule =
      "Services are named after it: at most 63 lower-case letters, digits and '-', a letter first and no '-' last (a DNS-1035 label)";
    const refused = [`metadata.name: Invalid value: "${name}": ${rule}`];
    expect(errorsOf({ model }, kubeairunway, name)).toEqual(fits ? [] : refused);
  });
});

const immutable = (field: string) => `${field} is immutable (changing it requires delete and recreate)`;
const managed = (fields: object): Spec => ({
  model: { ...model, storage: { volumes: [{ name: 'v', size: '1Gi', mountPath: '/v', ...fields }] } },
});

describe('updates', () => {
  test.each<[Spec, Spec, string[]]>([
    [{ model }, { model, scaling: { replicas: 2 } }, []],
    [{ model }, { model: { id: 'b/c' } }, [`spec.model.id: Invalid value: "b/c": ${immutable('model.id')}`]],
    [
      { model },
      { model: { ...model, source: 'custom' } },
      [`spec.model.source: Invalid value: "custom": ${immutable('model.source')}`],
    ],
    [{ model }, { model, engine: { type: 'vllm' } }, []],
    [
      { model, engine: { type: 'sglang' } },
      { model, engine: { type: 'vllm' } },
      [`spec.engine.type: Invalid value: "vllm": ${immutable('engine.type')}`],
    ],
    [{ model, provider: { name: 'kaito' } }, { model }, []],
    [
      { model, provider: { name: 'kaito' } },
      { model, provider: { name: 'dynamo' } },
      [`spec.provider.name: Invalid value: "dynamo": ${immutable('provider.name')}`],
    ],
    [{ model }, { model, serving: { mode: 'aggregated' } }, []],
    [{ model }, disaggregated({}), [`spec.serving.mode: Invalid value: "disaggregated": ${immutable('serving.mode')}`]],
    [managed({}), managed({ size: '1024Mi' }), []],
    [managed({}), managed({ size: '2Gi' }), [`${path}[v].size: Invalid value: "v": size is immutable`]],
    [managed({}), { model }, [`${path}: Invalid value: "v": a volume with a size may not be removed`]],
  ])('%j -> %j', (before, after, expected) => {
    expect(updateErrors(before, after)).toEqual(expected);
  });

  test('a provider that was chosen cannot be replaced by naming another', () => {
    expect(updateErrors({ model }, { model, provider: { name: 'kaito' } }, { provider: { name: 'vllm' } })).toEqual([
      `spec.provider.name: Invalid value: "kaito": ${immutable('provider.name')}`,
    ]);
  });
});

test.each<[Spec, RegExp]>([
  [{ model: { source: 'custom', servedName: 'x' } }, /servedName/],
  [{ model, engine: { trustRemoteCode: true } }, /trustRemoteCode/],
  [{ model, engine: { type: 'trtllm', contextLength: 9 } }, /contextLength/],
  [volume({ purpose: 'compilationCache', readOnly: true }), /read-only compilationCache/],
  [volume({ purpose: 'modelCache', readOnly: true }), /read-only modelCache/],
])('%j is warned of', (spec, warning) => {
  const admission = modelDeploymentAdmission(kubeairunway);
  const { warnings } = admission.review(admission.complete(deployment(spec)), undefined);
  expect(warnings).toEqual([expect.stringMatching(warning)]);
});
