import { modelDeploymentAdmission, modeOf } from '../../kinds/airunway/admission.ts';
import { kubeairunway, type AirunwayDialect } from '../../kinds/airunway/dialect.ts';
import type { InferenceProviderConfig } from '../../kinds/airunway/inferenceproviderconfig.ts';
import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import type { Engine } from '../../kinds/airunway/modeldeploymentschema.ts';
import { capabilityOf, isSimulated } from './selection.ts';

/**
 * What admission may have let through: it can be switched off, and it cannot see the providers (airunway.md 3.4). The first rule
 * that fails says why.
 */
export function problemOf(
  deployment: ModelDeployment,
  engine: Engine | undefined,
  providers: readonly InferenceProviderConfig[],
  dialect: AirunwayDialect,
): string | undefined {
  const { model } = deployment.spec;
  if (model.source !== 'custom' && (model.id ?? '') === '') return 'model.id is required when source is huggingface';
  if (engine === undefined) return 'engine.type must be specified or auto-selected from provider capabilities';
  return (
    engineProblem(deployment, engine, providers, dialect) ??
    roleProblem(deployment) ??
    imageProblem(deployment) ??
    refusal(deployment, dialect)
  );
}

const gpuEngines: ReadonlySet<Engine> = new Set(['vllm', 'sglang', 'trtllm']);

function engineProblem(
  { spec, status }: ModelDeployment,
  engine: Engine,
  providers: readonly InferenceProviderConfig[],
  dialect: AirunwayDialect,
): string | undefined {
  const withoutGpu = modeOf(spec) === 'aggregated' && (spec.resources?.gpu?.count ?? 0) === 0;
  const requiresGpu = 'requires GPU (set resources.gpu.count > 0)';
  const named = (spec.provider?.name ?? '') || status?.provider?.name;
  const provider = providers.find(({ metadata }) => metadata.name === named);
  // What is in an image of the user's is not simulated, and an engine that he names is wanted as it is.
  const asItIs = spec.engine?.type !== undefined && ((spec.image ?? '') !== '' || (spec.engine.image ?? '') !== '');
  const runsWithoutGpu = (one: InferenceProviderConfig): boolean =>
    capabilityOf(one, engine)?.cpuSupport === true && !(asItIs && isSimulated(one));
  if (dialect === kubeairunway) {
    const runsWithout = provider !== undefined && runsWithoutGpu(provider);
    return withoutGpu && gpuEngines.has(engine) && !runsWithout ? `${engine} engine ${requiresGpu}` : undefined;
  }
  if (provider !== undefined) {
    const capability = capabilityOf(provider, engine);
    const { name } = provider.metadata;
    if (capability === undefined) return `provider ${name} does not support engine ${engine}`;
    const mode = modeOf(spec);
    if (!(capability.servingModes ?? []).includes(mode)) {
      return `provider ${name} does not support ${mode} mode for engine ${engine}`;
    }
    return withoutGpu && !runsWithoutGpu(provider) ? `${engine} engine on provider ${name} ${requiresGpu}` : undefined;
  }
  const someRunsWithout = providers.some(runsWithoutGpu);
  return withoutGpu && providers.length > 0 && !someRunsWithout ? `${engine} engine ${requiresGpu}` : undefined;
}

function roleProblem({ spec }: ModelDeployment): string | undefined {
  if (modeOf(spec) !== 'disaggregated') return undefined;
  const { prefill, decode } = spec.scaling ?? {};
  if ((spec.resources?.gpu?.count ?? 0) > 0) {
    return 'cannot specify both resources.gpu and scaling.prefill/decode in disaggregated mode';
  }
  if (prefill === undefined || decode === undefined) {
    return 'disaggregated mode requires scaling.prefill and scaling.decode';
  }
  if ((prefill.gpu?.count ?? 0) === 0) return 'disaggregated mode requires scaling.prefill.gpu.count > 0';
  if ((decode.gpu?.count ?? 0) === 0) return 'disaggregated mode requires scaling.decode.gpu.count > 0';
  return undefined;
}

function imageProblem({ spec }: ModelDeployment): string | undefined {
  const { image = '', engine = {} } = spec;
  if (image === '' || (engine.image ?? '') === '' || engine.image === image) return undefined;
  return `spec.image ${image} and spec.engine.image ${engine.image ?? ''} differ: set one of them`;
}

/** What admission would have refused, had it been asked: overrides that give pods rights, ceilings, volumes, flags given twice. */
function refusal(deployment: ModelDeployment, dialect: AirunwayDialect): string | undefined {
  const [first] = modelDeploymentAdmission(dialect).review(deployment, undefined).errors;
  return first === undefined ? undefined : `${first.field}: ${first.message}`;
}
