import { forbiddenField, invalidValue, required, type FieldError } from '../fielderror.ts';
import type { KindAdmission } from '../kind.ts';
import { parseQuantity } from '../quantity.ts';
import { kubeairunway, type AirunwayDialect } from './dialect.ts';
import type { ModelDeployment } from './modeldeploymentschema.ts';
import { isServiceName, serviceNameRule } from '../servicename.ts';
import { completeVolumes, reviewVolumes } from './storage.ts';

/** What KubeAIRunway has in webhooks: defaults that depend on other fields, and rules across fields (airunway.md 3.10). */

type Spec = ModelDeployment['spec'];
type Gpu = NonNullable<NonNullable<Spec['resources']>['gpu']>;

const defaultGpuType = 'nvidia.com/gpu';
const gpuEngines: ReadonlySet<string | undefined> = new Set(['vllm', 'sglang', 'trtllm']);

/** Ceilings, inclusive. */
const ceilings = { gpus: 64, replicas: 32, cpus: 512, memory: '4Ti' } as const;

/** Keys that overrides may not have anywhere: they give pods rights, or get around the ceilings. */
const forbiddenOverrides: ReadonlySet<string> = new Set([
  'securityContext',
  'serviceAccountName',
  'serviceAccount',
  'hostNetwork',
  'hostPID',
  'hostIPC',
  'automountServiceAccountToken',
  'nodeName',
  'priorityClassName',
  'runtimeClassName',
  'replicas',
  'resources',
]);

export function modelDeploymentAdmission(dialect: AirunwayDialect): KindAdmission<ModelDeployment> {
  return {
    complete: (object) => ({ ...object, spec: completeSpec(object.spec, object.metadata.name, dialect) }),
    review: (object, old) => ({
      errors: [
        ...reviewName(object, old),
        ...reviewSpec(object.spec, dialect),
        ...reviewVolumes(object, old),
        ...(old === undefined ? [] : reviewUpdate(object, old)),
      ],
      warnings: warningsFor(object.spec),
    }),
  };
}

function completeSpec(given: Spec, name: string, dialect: AirunwayDialect): Spec {
  const mode = modeOf(given);
  const spec: Spec = {
    ...given,
    model: { ...given.model, source: given.model.source ?? 'huggingface', ...completeVolumes(given.model, name) },
    serving: { ...given.serving, mode },
  };
  if (mode === 'aggregated') {
    spec.scaling ??= { replicas: 1 };
    if (spec.resources === undefined && wantsGpuByDefault(spec, dialect)) {
      spec.resources = { gpu: { count: 1, type: defaultGpuType } };
    }
  }
  if (spec.resources?.gpu !== undefined) spec.resources = { ...spec.resources, gpu: withType(spec.resources.gpu) };
  for (const role of ['prefill', 'decode'] as const) {
    const gpu = spec.scaling?.[role]?.gpu;
    if (gpu !== undefined) spec.scaling = { ...spec.scaling, [role]: { ...spec.scaling?.[role], gpu: withType(gpu) } };
  }
  return spec;
}

/** A bare model gets a GPU under the group's older name; under the later one only where its engine is known to need one. */
function wantsGpuByDefault({ engine, image = '' }: Spec, dialect: AirunwayDialect): boolean {
  return dialect === kubeairunway || (engine?.type !== undefined && engine.type !== 'llamacpp' && image === '');
}

function withType(gpu: Gpu): Gpu {
  return (gpu.type ?? '') === '' ? { ...gpu, type: defaultGpuType } : gpu;
}

export function modeOf({ serving }: Spec): 'aggregated' | 'disaggregated' {
  return serving?.mode ?? 'aggregated';
}

function reviewName({ metadata: { name } }: ModelDeployment, old: ModelDeployment | undefined): FieldError[] {
  if (old !== undefined || isServiceName(name)) return [];
  const problem = name.includes('.')
    ? 'may not contain dots: Services are named after it'
    : `Services are named after it: ${serviceNameRule}`;
  return [invalidValue('metadata.name', name, problem)];
}

function reviewSpec(spec: Spec, dialect: AirunwayDialect): FieldError[] {
  return [
    ...reviewModel(spec),
    ...(modeOf(spec) === 'aggregated' ? reviewAggregated(spec, dialect) : reviewDisaggregated(spec)),
    ...reviewEngine(spec),
    ...reviewCeilings(spec),
    ...forbiddenIn(spec.provider?.overrides, 'spec.provider.overrides'),
  ];
}

function reviewModel({ model }: Spec): FieldError[] {
  if (model.source === 'custom' || (model.id ?? '') !== '') return [];
  return [required('spec.model.id', 'model.id is required when source is huggingface')];
}

/** Under the later name it depends on what the provider can do, which the controller looks up. */
function reviewAggregated({ engine, resources }: Spec, dialect: AirunwayDialect): FieldError[] {
  if (dialect !== kubeairunway) return [];
  const count = resources?.gpu?.count ?? 0;
  if (!gpuEngines.has(engine?.type) || count > 0) return [];
  const why = `${engine?.type ?? ''} engine requires GPU (set resources.gpu.count > 0)`;
  return [invalidValue('spec.resources.gpu.count', count, why)];
}

function reviewDisaggregated({ resources, scaling }: Spec): FieldError[] {
  const count = resources?.gpu?.count ?? 0;
  const errors: FieldError[] = [];
  if (count > 0) {
    const why = 'cannot specify both resources.gpu and scaling.prefill/decode in disaggregated mode';
    errors.push(invalidValue('spec.resources.gpu', resources?.gpu, why));
  }
  if (scaling === undefined) {
    return [...errors, required('spec.scaling', 'disaggregated mode requires scaling configuration')];
  }
  for (const role of ['prefill', 'decode'] as const) {
    if (scaling[role] === undefined) {
      errors.push(required(`spec.scaling.${role}`, `disaggregated mode requires scaling.${role}`));
    } else if ((scaling[role].gpu?.count ?? 0) === 0) {
      const why = `disaggregated mode requires scaling.${role}.gpu.count > 0`;
      errors.push(required(`spec.scaling.${role}.gpu.count`, why));
    }
  }
  return errors;
}

function reviewEngine({ image = '', engine = {} }: Spec): FieldError[] {
  const errors: FieldError[] = [];
  if (image !== '' && (engine.image ?? '') !== '' && engine.image !== image) {
    errors.push(invalidValue('spec.engine.image', engine.image, `conflicts with spec.image ${JSON.stringify(image)}`));
  }
  for (const [index, argument] of (engine.extraArgs ?? []).entries()) {
    const flag = /^-{1,2}(?<name>[^=]+)/.exec(argument)?.groups?.['name'];
    if (flag === undefined || engine.args?.[flag] === undefined) continue;
    const why = `the flag --${flag} is in engine.args, too`;
    errors.push(invalidValue(`spec.engine.extraArgs[${String(index)}]`, argument, why));
  }
  return errors;
}

function reviewCeilings({ resources = {}, scaling = {} }: Spec): FieldError[] {
  return [
    ...atMost('spec.resources.gpu.count', resources.gpu?.count, ceilings.gpus),
    ...quantityAtMost('spec.resources.cpu', resources.cpu, String(ceilings.cpus)),
    ...quantityAtMost('spec.resources.memory', resources.memory, ceilings.memory),
    ...atMost('spec.scaling.replicas', scaling.replicas, ceilings.replicas),
    ...(['prefill', 'decode'] as const).flatMap((role) => [
      ...atMost(`spec.scaling.${role}.replicas`, scaling[role]?.replicas, ceilings.replicas),
      ...atMost(`spec.scaling.${role}.gpu.count`, scaling[role]?.gpu?.count, ceilings.gpus),
      ...quantityAtMost(`spec.scaling.${role}.memory`, scaling[role]?.memory, ceilings.memory),
    ]),
  ];
}

function atMost(field: string, value: number | undefined, most: number): FieldError[] {
  if (value === undefined || value <= most) return [];
  return [invalidValue(field, value, `must be at most ${String(most)}`)];
}

function quantityAtMost(field: string, text: string | undefined, most: string): FieldError[] {
  if (text === undefined || text === '') return [];
  const value = parseQuantity(text);
  if (value === undefined || value < 0) return [invalidValue(field, text, 'invalid resource quantity')];
  return value <= (parseQuantity(most) ?? 0) ? [] : [invalidValue(field, text, `must be at most ${most}`)];
}

function forbiddenIn(value: unknown, path: string): FieldError[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => forbiddenIn(item, `${path}[${String(index)}]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    forbiddenOverrides.has(key)
      ? [forbiddenField(`${path}.${key}`, 'may not be overridden')]
      : forbiddenIn(item, `${path}.${key}`),
  );
}

/** What a deployment is cannot change: make another one. */
function reviewUpdate({ spec }: ModelDeployment, { spec: before, status }: ModelDeployment): FieldError[] {
  const errors: FieldError[] = [];
  const immutable = (field: string, value: unknown, changed: boolean): void => {
    const why = `${field} is immutable (changing it requires delete and recreate)`;
    if (changed) errors.push(invalidValue(`spec.${field}`, value ?? '', why));
  };
  const differs = (next = '', previous = ''): boolean => next !== '' && previous !== '' && next !== previous;
  const provider = before.provider?.name === '' ? undefined : before.provider?.name;
  immutable('model.id', spec.model.id, (spec.model.id ?? '') !== (before.model.id ?? ''));
  immutable(
    'model.source',
    spec.model.source,
    (spec.model.source ?? 'huggingface') !== (before.model.source ?? 'huggingface'),
  );
  immutable('engine.type', spec.engine?.type, differs(spec.engine?.type, before.engine?.type));
  immutable('provider.name', spec.provider?.name, differs(spec.provider?.name, provider ?? status?.provider?.name));
  immutable('serving.mode', spec.serving?.mode, modeOf(spec) !== modeOf(before));
  return errors;
}

function warningsFor({ model, engine = {} }: Spec): string[] {
  const volumes = model.storage?.volumes ?? [];
  const readOnly = (purpose: string): boolean =>
    volumes.some((one) => one.purpose === purpose && one.readOnly === true);
  return [
    ...((model.servedName ?? '') !== '' && model.source === 'custom'
      ? ['spec.model.servedName: the server of a custom source may not take it']
      : []),
    ...(engine.trustRemoteCode === true
      ? ['spec.engine.trustRemoteCode: the server runs code that comes with the model']
      : []),
    ...(engine.contextLength !== undefined && engine.type === 'trtllm'
      ? ['spec.engine.contextLength: trtllm takes no context length; it is ignored']
      : []),
    ...(readOnly('compilationCache')
      ? ['spec.model.storage.volumes: a read-only compilationCache can hold nothing new']
      : []),
    ...(readOnly('modelCache') && model.source !== 'custom'
      ? ['spec.model.storage.volumes: a read-only modelCache must hold the model already']
      : []),
  ];
}
