import { long, object, times, tooLong, tooMany, type BadRow, type GoodRow } from './manifest.ts';

/** The rules of aim.md 2.2, 4 to 11. */

const source = { modelId: 'Qwen/Qwen3-32B', sourceUri: 'hf://Qwen/Qwen3-32B' };
const gpu = { gpu: { requests: 1, model: 'MI300X' } };
const custom = { baseImage: 'aim-base:1', modelSources: [source], hardware: gpu };
const oneModel = object('exactly one of name, image and custom must be set');
const oneRef = object('exactly one of ref and image must be set');
const atLeastOne = (limit: number) => `should be greater than or equal to ${limit}`;
const precisions = '"auto", "fp4", "fp8", "fp16", "fp32", "bf16", "int4", "int8"';
const duplicate = (name: string) => `Duplicate value: map[string]interface {}{"name":"${name}"}`;

const service: BadRow[] = [
  ['AIMService', { model: undefined }, 'spec.model', 'Required value'],
  ['AIMService', { model: {} }, 'spec.model', oneModel],
  ['AIMService', { 'model.name': 'qwen' }, 'spec.model', oneModel],
  ['AIMService', { model: { image: 'i', custom } }, 'spec.model', oneModel],
  [
    'AIMService',
    { model: { custom: { ...custom, modelSources: [] } } },
    'spec.model.custom.modelSources',
    'should have at least 1 items',
  ],
  [
    'AIMService',
    { model: { custom: { ...custom, modelSources: [source, source] } } },
    'spec.model.custom.modelSources',
    tooMany(2, 1),
  ],
  [
    'AIMService',
    { model: { custom: { ...custom, hardware: undefined } } },
    'spec.model.custom.hardware',
    'Required value',
  ],
  [
    'AIMService',
    { model: { custom: { ...custom, modelSources: [{ ...source, modelId: 'qwen' }] } } },
    'spec.model.custom.modelSources[0].modelId',
    'should match',
  ],
  [
    'AIMService',
    { model: { custom: { ...custom, modelSources: [{ ...source, sourceUri: 'https://a/b' }] } } },
    'spec.model.custom.modelSources[0].sourceUri',
    'should match',
  ],
  [
    'AIMService',
    { model: { custom: { ...custom, hardware: {} } } },
    'spec.model.custom.hardware',
    object('at least one of gpu and cpu must be set'),
  ],
  [
    'AIMService',
    { 'overrides.hardware': { gpu: { model: 'MI300X', minVram: '64Gi' } } },
    'spec.overrides.hardware.gpu',
    object('model and minVram cannot both be set'),
  ],
  [
    'AIMService',
    { 'overrides.hardware': { gpu: { requests: -1 } } },
    'spec.overrides.hardware.gpu.requests',
    atLeastOne(0),
  ],
  [
    'AIMService',
    { 'overrides.hardware': { gpu: { model: long(65) } } },
    'spec.overrides.hardware.gpu.model',
    tooLong(64),
  ],
  ['AIMService', { 'overrides.hardware': { cpu: {} } }, 'spec.overrides.hardware.cpu.requests', 'Required value'],
  [
    'AIMService',
    { 'overrides.hardware': { gpu: { minVram: 'much' } } },
    'spec.overrides.hardware.gpu.minVram',
    'should match',
  ],
  [
    'AIMService',
    { 'overrides.metric': 'speed' },
    'spec.overrides.metric',
    'Unsupported value: "speed": supported values: "latency", "throughput"',
  ],
  [
    'AIMService',
    { 'overrides.precision': 'fp64' },
    'spec.overrides.precision',
    `Unsupported value: "fp64": supported values: ${precisions}`,
  ],
  [
    'AIMService',
    { 'caching.mode': 'Sometimes' },
    'spec.caching.mode',
    'Unsupported value: "Sometimes": supported values: "Dedicated", "Shared", "Auto", "Always", "Never"',
  ],
  ['AIMService', { minReplicas: 0 }, 'spec.minReplicas', atLeastOne(1)],
  ['AIMService', { maxReplicas: 0 }, 'spec.maxReplicas', atLeastOne(1)],
  ['AIMService', { replicas: -1 }, 'spec.replicas', atLeastOne(0)],
  [
    'AIMService',
    { 'autoScaling.metrics': [{ type: 'Resource' }] },
    'spec.autoScaling.metrics[0].type',
    'Unsupported value',
  ],
  ['AIMService', { 'routing.gatewayRef': {} }, 'spec.routing.gatewayRef.name', 'Required value'],
  ['AIMService', { 'routing.requestTimeout': '2 minutes' }, 'spec.routing.requestTimeout', 'should match'],
  ['AIMService', { env: [{ name: 'A' }, { name: 'A' }] }, 'spec.env[1]', duplicate('A')],
  ['AIMService', { 'storage.pvcHeadroomPercent': -1 }, 'spec.storage.pvcHeadroomPercent', atLeastOne(0)],
  ['AIMService legacy', { model: {} }, 'spec.model', oneRef],
  ['AIMService legacy', { 'model.image': 'i' }, 'spec.model', oneRef],
  [
    'AIMService legacy',
    { 'overrides.gpuSelector': { count: 0, model: 'MI300X' } },
    'spec.overrides.gpuSelector.count',
    atLeastOne(1),
  ],
  [
    'AIMService legacy',
    { 'overrides.gpuSelector': { count: 1 } },
    'spec.overrides.gpuSelector.model',
    'Required value',
  ],
];

const modelsAndTemplates: BadRow[] = [
  ['AIMModel', { image: '' }, 'spec.image', 'should be at least 1 chars long'],
  ['AIMClusterModel', { image: undefined }, 'spec.image', 'Required value'],
  ['AIMModel', { modelSources: [source, source] }, 'spec.modelSources', tooMany(2, 1)],
  ['AIMModel', { customTemplates: times(17, () => ({})) }, 'spec.customTemplates', tooMany(17, 16)],
  ['AIMModel', { customTemplates: [{ name: long(64) }] }, 'spec.customTemplates[0].name', tooLong(63)],
  [
    'AIMModel',
    { customTemplates: [{ env: times(65, (i) => ({ name: `E${i}` })) }] },
    'spec.customTemplates[0].env',
    tooMany(65, 64),
  ],
  [
    'AIMModel',
    { modelSources: [source], customTemplates: [{ hardware: gpu }, {}] },
    'spec',
    object('with modelSources and customTemplates, custom.hardware or the hardware of every template must be set'),
  ],
  ['AIMServiceTemplate', { modelName: '' }, 'spec.modelName', 'should be at least 1 chars long'],
  ['AIMServiceTemplate', { type: 'fast' }, 'spec.type', 'Unsupported value'],
  ['AIMServiceTemplate', { hardware: {} }, 'spec.hardware', object('at least one of gpu and cpu must be set')],
  [
    'AIMServiceTemplate legacy',
    { modelSources: [{ name: 'm', sourceUri: 'hf://a/b' }] },
    'spec.modelSources[0].size',
    'Required value',
  ],
  ['AIMServiceTemplate legacy', { 'gpuSelector.model': '' }, 'spec.gpuSelector.count', 'Required value'],
];

const caches: BadRow[] = [
  ['AIMTemplateCache', { templateName: '' }, 'spec.templateName', 'should be at least 1 chars long'],
  ['AIMTemplateCache', { templateScope: undefined }, 'spec.templateScope', 'Required value'],
  [
    'AIMTemplateCache',
    { templateScope: 'Merged' },
    'spec.templateScope',
    'Unsupported value: "Merged": supported values: "Namespace", "Cluster", "Unknown"',
  ],
  [
    'AIMTemplateCache',
    { mode: 'Auto' },
    'spec.mode',
    'Unsupported value: "Auto": supported values: "Shared", "Dedicated"',
  ],
  ['AIMTemplateCache legacy', { templateRef: undefined }, 'spec.templateRef', 'Required value'],
  ['AIMArtifact', { sourceUri: '' }, 'spec.sourceUri', 'should be at least 1 chars long'],
  ['AIMArtifact', { sourceUri: 'hf://a b' }, 'spec.sourceUri', 'should match'],
  ['AIMArtifact', { modelId: 'a/b/c' }, 'spec.modelId', 'should match'],
  ['AIMModelCache', { size: undefined }, 'spec.size', 'Required value'],
  ['AIMModelCache', { sourceUri: 'gs://a/b' }, 'spec.sourceUri', 'should match'],
];

const sourcesAndConfigs: BadRow[] = [
  ['AIMClusterModelSource', { filters: [] }, 'spec.filters', 'should have at least 1 items'],
  ['AIMClusterModelSource', { filters: times(101, () => ({ image: 'i' })) }, 'spec.filters', tooMany(101, 100)],
  ['AIMClusterModelSource', { 'filters.0.image': long(513) }, 'spec.filters[0].image', tooLong(512)],
  ['AIMClusterModelSource', { maxModels: 0 }, 'spec.maxModels', atLeastOne(1)],
  ['AIMClusterModelSource', { maxModels: 10_001 }, 'spec.maxModels', 'should be less than or equal to 10000'],
  ['AIMClusterModelSource', { syncInterval: 'hourly' }, 'spec.syncInterval', 'should match'],
  ['AIMRuntimeConfig', { env: [{ name: 'A' }, { name: 'A' }] }, 'spec.env[1]', duplicate('A')],
  ['AIMClusterRuntimeConfig', { pvcHeadroomPercent: -1 }, 'spec.pvcHeadroomPercent', atLeastOne(0)],
  ['AIMRuntimeConfig legacy', { pvcHeadroomPercent: -1 }, 'spec.pvcHeadroomPercent', atLeastOne(0)],
];

export const bad: readonly BadRow[] = [...service, ...modelsAndTemplates, ...caches, ...sourcesAndConfigs];

export const good: readonly GoodRow[] = [
  ['AIMService', { model: { custom } }],
  ['AIMService', { model: { name: 'qwen' }, 'template.allowUnoptimized': true, 'caching.mode': 'Never' }],
  ['AIMService', { resources: { limits: { cpu: 8, memory: '64Gi', 'amd.com/gpu': '1' } } }],
  ['AIMService', { 'overrides.hardware': { gpu: { model: '', minVram: '64Gi' } } }],
  ['AIMService', { 'routing.requestTimeout': '1.5h', 'routing.annotations': { 'example.com/rate-limit': '100' } }],
  [
    'AIMService',
    {
      minReplicas: 1,
      maxReplicas: 3,
      'autoScaling.metrics': [
        {
          type: 'PodMetric',
          podmetric: { metric: { metricNames: ['m'] }, target: { type: 'AverageValue', averageValue: '5' } },
        },
      ],
    },
  ],
  ['AIMService legacy', { 'overrides.precision': 'fp4', 'overrides.gpuSelector': { count: 2, model: 'MI300X' } }],
  ['AIMModel', { modelSources: [source], customTemplates: [{ hardware: gpu }] }],
  ['AIMModel', { modelSources: [source], customTemplates: [{}], 'custom.hardware': gpu }],
  ['AIMModel', { modelSources: [source] }],
  ['AIMArtifact', { size: '9094593249', sourceUri: 's3://bucket/path' }],
  ['AIMClusterModelSource', { registry: 'ghcr.io', versions: ['>=0.8.5'], syncInterval: '1h30m' }],
  ['InferenceService', { 'predictor.maxReplicas': 2, 'predictor.terminationGracePeriodSeconds': 5 }],
  ['InferenceService', { predictor: { model: { modelFormat: { name: 'aim', version: '1' }, runtime: 'r' } } }],
];

/** Fields that keep the value they got. */
export const fixed: readonly [kind: string, field: string, before: unknown, after: unknown][] = [
  ['AIMService', 'model', { image: 'a' }, { image: 'b' }],
  ['AIMService', 'template', { name: 'a' }, { name: 'b' }],
  ['AIMService', 'caching', { mode: 'Shared' }, { mode: 'Dedicated' }],
  ['AIMService', 'overrides.metric', 'latency', 'throughput'],
  ['AIMService', 'overrides.precision', 'fp8', 'fp16'],
  ['AIMService', 'overrides.hardware', { gpu: { requests: 1 } }, { gpu: { requests: 2 } }],
  ['AIMService legacy', 'overrides.gpuSelector', { count: 1, model: 'MI300X' }, { count: 2, model: 'MI300X' }],
  ['AIMServiceTemplate', 'modelName', 'a', 'b'],
  ['AIMClusterServiceTemplate', 'hardware', gpu, { gpu: { requests: 2 } }],
  ['AIMServiceTemplate legacy', 'precision', 'fp8', 'fp16'],
  ['AIMArtifact', 'sourceUri', 'hf://a/b', 'hf://a/c'],
  ['AIMModelCache', 'sourceUri', 'hf://a/b', 'hf://a/c'],
];
