import { defineKind, type Kind, type PrinterColumn, type ScaleSubresource } from '../kind.ts';
import type { KubeObject } from '../object.ts';
import { objectModelSchema } from './models.ts';

/** The type of a built-in kind's objects: its generated type with the metadata every stored object has. */
export type Builtin<T, Always extends keyof T = never> = KubeObject &
  Omit<T, 'apiVersion' | 'kind' | 'metadata' | Always> &
  Required<Pick<T, Always>>;

interface BuiltinOptions {
  group: string;
  version: string;
  kind: string;
  plural: string;
  /** Model class of `@kubernetes/client-node`. */
  model: string;
  shortNames?: readonly string[];
  categories?: readonly string[];
  namespaced?: boolean;
  status?: boolean;
  scale?: ScaleSubresource;
  verbs?: readonly string[];
  columns: readonly PrinterColumn[];
}

/** Defines a kind that is built into Kubernetes; its schema comes from the generated models. */
export function defineBuiltin<T extends KubeObject>(options: BuiltinOptions): Kind<T> {
  const { version, model, columns, ...kind } = options;
  return defineKind<T>({
    ...kind,
    builtin: true,
    versions: [{ name: version, served: true, schema: () => objectModelSchema(model), printerColumns: columns }],
  });
}

/** The scale subresource as the apps group has it. */
export const replicasScale: ScaleSubresource = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.spec.selector',
};
