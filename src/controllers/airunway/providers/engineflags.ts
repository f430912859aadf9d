import type { ServedModel } from './provider.ts';

/** The command line of a model server (airunway.md 5.1). */

const contextFlags: Readonly<Record<string, string | undefined>> = {
  vllm: '--max-model-len',
  sglang: '--context-length',
};
const modelFlags: Readonly<Record<string, string | undefined>> = { sglang: '--model-path', trtllm: '--model-path' };
const takesTrust: ReadonlySet<string> = new Set(['vllm', 'sglang']);

const flagName = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/;

/** Throws for names in `engine.args` that are no flags. The names are those that the server answers to. */
export function engineFlags(served: ServedModel, names: readonly string[] = servedName(served)): string[] {
  const { spec } = served.deployment;
  const { engine } = served;
  const { contextLength, trustRemoteCode, enablePrefixCaching, enforceEager, extraArgs = [] } = spec.engine ?? {};
  const { id = '' } = spec.model;
  const contextFlag = contextFlags[engine];
  const vllm = engine === 'vllm';
  return [
    ...(id === '' ? [] : [modelFlags[engine] ?? '--model', id]),
    ...(names.length === 0 ? [] : ['--served-model-name', ...names]),
    ...(contextLength === undefined || contextFlag === undefined ? [] : [contextFlag, String(contextLength)]),
    ...(trustRemoteCode === true && takesTrust.has(engine) ? ['--trust-remote-code'] : []),
    ...(vllm && enablePrefixCaching === false ? ['--no-enable-prefix-caching'] : []),
    ...(vllm && enforceEager === true ? ['--enforce-eager'] : []),
    ...givenFlags(spec.engine?.args ?? {}),
    ...extraArgs,
  ];
}

function servedName({ deployment: { spec } }: ServedModel): string[] {
  const { servedName: name = '' } = spec.model;
  return name === '' ? [] : [name];
}

/** For servers that answer to several names: the one by which the Gateway is asked is one of them. */
export function servedNames(served: ServedModel): string[] {
  const { model, gateway, engine } = served.deployment.spec;
  const asked = gateway?.enabled === false ? '' : (gateway?.modelName ?? '');
  const own = model.servedName || (model.id ?? '');
  if (asked === '' || asked === own || engine?.args?.['served-model-name'] !== undefined) return servedName(served);
  return [own, asked].filter((name) => name !== '');
}

/** Throws where the user would have the server listen elsewhere: its Service and probes would not find it. */
export function refuseListening({ deployment: { spec } }: ServedModel): void {
  const { args = {}, extraArgs = [] } = spec.engine ?? {};
  for (const flag of ['host', 'port']) {
    const extra = extraArgs.some((argument) => argument === `--${flag}` || argument.startsWith(`--${flag}=`));
    if (extra || args[flag] !== undefined) {
      throw new Error(
        `spec.engine.${extra ? 'extraArgs' : 'args'}: --${flag} is set by the provider and may not be given`,
      );
    }
  }
}

function givenFlags(given: Readonly<Record<string, string>>): string[] {
  return Object.entries(given)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, value]) => {
      if (!flagName.test(name)) {
        throw new Error(
          `spec.engine.args: "${name}" is no flag: letters, digits, "-" and "_", without dashes in front, are allowed`,
        );
      }
      return value === '' ? [`--${name}`] : [`--${name}`, value];
    });
}

/** What servers find in their environment: the deployment's own variables, and the token for Hugging Face. */
export function serverEnv({ deployment: { spec } }: ServedModel): { name: string; [field: string]: unknown }[] {
  const secret = spec.secrets?.huggingFaceToken ?? '';
  const token = { name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: secret, key: 'HF_TOKEN' } } };
  return [...(spec.env ?? []), ...(secret === '' ? [] : [token])];
}
