import type { ServedModel } from './provider.ts';

/** The command line of a model server (airunway.md 5.1). */

const contextFlags: Readonly<Record<string, string | undefined>> = {
  vllm: '--max-model-len',
  sglang: '--context-length',
};
const modelFlags: Readonly<Record<string, string | undefined>> = { sglang: '--model-path', trtllm: '--model-path' };
const takesTrust: ReadonlySet<string> = new Set(['vllm', 'sglang']);

const flagName = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/;

/** Throws for names in `engine.args` that are no flags. */
export function engineFlags({ deployment: { spec }, engine }: ServedModel): string[] {
  const { contextLength, trustRemoteCode, enablePrefixCaching, enforceEager, extraArgs = [] } = spec.engine ?? {};
  const { id = '', servedName = '' } = spec.model;
  const contextFlag = contextFlags[engine];
  const vllm = engine === 'vllm';
  return [
    ...(id === '' ? [] : [modelFlags[engine] ?? '--model', id]),
    ...(servedName === '' ? [] : ['--served-model-name', servedName]),
    ...(contextLength === undefined || contextFlag === undefined ? [] : [contextFlag, String(contextLength)]),
    ...(trustRemoteCode === true && takesTrust.has(engine) ? ['--trust-remote-code'] : []),
    ...(vllm && enablePrefixCaching === false ? ['--no-enable-prefix-caching'] : []),
    ...(vllm && enforceEager === true ? ['--enforce-eager'] : []),
    ...givenFlags(spec.engine?.args ?? {}),
    ...extraArgs,
  ];
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
