import { expect, test } from 'vitest';
import { planProvider } from '../../../../src/controllers/airunway/providerplan.ts';
import type { Provider, ServedModel, Translation } from '../../../../src/controllers/airunway/providers/provider.ts';
import { kubeairunway, type AirunwayDialect } from '../../../../src/kinds/airunway/dialect.ts';
import type { ModelDeployment } from '../../../../src/kinds/airunway/modeldeployment.ts';
import type { Engine } from '../../../../src/kinds/airunway/modeldeploymentschema.ts';
import type { KubeObject } from '../../../../src/kinds/object.ts';
import { deployment } from '../objects.ts';

/** What the tables of all providers have in common. */

export type Spec = Partial<ModelDeployment['spec']>;

export const gpus = (count: number): Spec => ({ resources: { gpu: { count, type: 'nvidia.com/gpu' } } });

export const roles: Spec = {
  serving: { mode: 'disaggregated' },
  scaling: {
    prefill: { replicas: 2, gpu: { count: 1, type: 'nvidia.com/gpu' }, memory: '16Gi' },
    decode: { replicas: 3, gpu: { count: 4, type: 'nvidia.com/gpu' } },
  },
};

export function served(spec: Spec = {}, engine: Engine = 'vllm', dialect: AirunwayDialect = kubeairunway): ServedModel {
  return { deployment: deployment(spec), engine, dialect };
}

/** The objects as they go over the wire, by kind and name. */
export function made(provider: Provider, model: ServedModel): Record<string, unknown> {
  const objects = provider.transform(model).map(({ kind, name, labels, annotations, body }) => {
    const object = JSON.parse(JSON.stringify({ labels, annotations, ...body })) as unknown;
    return [`${kind.kind} ${name}`, object] as const;
  });
  return Object.fromEntries(objects);
}

/** A table of what the provider says it cannot run, and what it can. */
export function testIncompatible(provider: Provider, table: readonly [Spec, Engine, string | undefined][]): void {
  test.each(table)(`${provider.name} on %j with %s: %s`, (spec, engine, expected) => {
    const model = served(spec, engine);
    expect(provider.incompatible(model)).toBe(expected);
    const { conditions, status, apply } = planProvider(provider, model, () => undefined, true);
    expect(conditions[0]).toMatchObject(
      expected === undefined
        ? { type: 'ProviderCompatible', status: 'True', reason: 'CompatibilityVerified' }
        : { type: 'ProviderCompatible', status: 'False', reason: 'IncompatibleConfiguration', message: expected },
    );
    if (expected === undefined) return;
    expect(status).toEqual({ phase: 'Failed', message: expected });
    expect(apply).toEqual([]);
  });
}

/** A table of states of the provider's object, and what the deployment says then. */
export function testTranslate(
  provider: Provider,
  table: readonly [string, Record<string, unknown>, Partial<Translation>][],
): void {
  test.each(table)(`${provider.name} %s`, (_name, fields, expected) => {
    const { kind } = provider.kind;
    const object: KubeObject = { apiVersion: 'v1', kind, metadata: { name: 'qwen3', namespace: 'default' }, ...fields };
    expect(provider.translate(object, served())).toMatchObject(expected);
  });
}
