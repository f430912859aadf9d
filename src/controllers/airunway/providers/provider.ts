import type { EngineCapability } from '../../../kinds/airunway/inferenceproviderconfig.ts';
import type { AirunwayDialect } from '../../../kinds/airunway/dialect.ts';
import type { ModelDeployment } from '../../../kinds/airunway/modeldeployment.ts';
import type { Engine, Phase } from '../../../kinds/airunway/modeldeploymentschema.ts';
import type { Kind } from '../../../kinds/kind.ts';
import type { KubeObject } from '../../../kinds/object.ts';

/**
 * What runs models: Headgate itself, or an operator whose objects it makes (airunway.md 5). A provider is data and pure
 * functions; `reconcile.ts` does the same with each.
 */
export interface Provider {
  /** Name of its InferenceProviderConfig, and what `spec.provider.name` says. */
  readonly name: string;
  readonly engines: readonly EngineCapability[];
  /** When it wants to be chosen. */
  readonly rules: readonly { condition: string; priority: number }[];
  readonly documentation: string;
  /** The kind of the object that stands for the deployment; the provider is ready while the API serves it. */
  readonly kind: Kind;
  /** Kinds of the other objects that it makes. */
  readonly others?: readonly Kind[];
  /** Fields of the spec that have no effect with it, as `engine.args`; users who set them are told. */
  readonly ignores?: readonly string[];
  /** Why it cannot run this deployment; undefined when it can. */
  incompatible(served: ServedModel): string | undefined;
  /** The objects it makes; the first is the one of `kind`. Throws an Error that says what is wrong with the deployment. */
  transform(served: ServedModel): readonly [Made, ...Made[]];
  /** What has become of the first of them. */
  translate(object: KubeObject, served: ServedModel): Translation;
}

/** A deployment as a provider gets it. */
export interface ServedModel {
  readonly deployment: ModelDeployment;
  readonly engine: Engine;
  readonly dialect: AirunwayDialect;
}

/** An object that a provider wants to exist, in the namespace of the deployment and owned by it. */
export interface Made {
  readonly kind: Kind;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Its fields beside apiVersion, kind and metadata. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Translation {
  readonly phase: Exclude<Phase, 'Terminating'>;
  /** In the words of the object; absent: the common ones for the phase. */
  readonly message?: string;
  readonly replicas: { readonly desired: number; readonly ready: number; readonly available: number };
  /** Where its servers are reached; port is the Service's. */
  readonly endpoint?: { readonly service: string; readonly port: number };
}

/** Reads a field of an object that is somebody else's: anything may be there. */
export function fieldOf(value: unknown, ...path: readonly string[]): unknown {
  let at: unknown = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Object.entries(at).find(([key]) => key === name)?.[1];
  }
  return at;
}

export function textOf(value: unknown, ...path: readonly string[]): string | undefined {
  const found = fieldOf(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

export function numberOf(value: unknown, ...path: readonly string[]): number | undefined {
  const found = fieldOf(value, ...path);
  return typeof found === 'number' ? found : undefined;
}

/** Status and message of a condition of somebody else's object. */
export function conditionOf(object: unknown, type: string): { status: string; message: string } | undefined {
  const conditions = fieldOf(object, 'status', 'conditions');
  if (!Array.isArray(conditions)) return undefined;
  const found = conditions.find((condition: unknown) => textOf(condition, 'type') === type) as unknown;
  return found === undefined
    ? undefined
    : { status: textOf(found, 'status') ?? 'Unknown', message: textOf(found, 'message') ?? '' };
}
