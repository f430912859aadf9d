import { defineKind, type Kind, type KindAdmission, type PrinterColumn, type ScaleSubresource } from '../kind.ts';
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
  /** Of kinds that are stored and checked and change nothing on the embedded node: what to tell whoever creates an object. */
  ineffective?: string;
  /** Further versions that are served; objects are stored at `version`. */
  otherVersions?: readonly OtherVersion[];
}

interface OtherVersion {
  version: string;
  model: string;
  toStorage: (object: KubeObject) => KubeObject;
  fromStorage: (object: KubeObject) => KubeObject;
}

/** Defines a kind that is built into Kubernetes; its schema comes from the generated models. */
export function defineBuiltin<T extends KubeObject>(options: BuiltinOptions): Kind<T> {
  const { version, model, columns, ineffective, otherVersions = [], ...kind } = options;
  const others = otherVersions.map((other) => ({
    name: other.version,
    served: true,
    schema: () => objectModelSchema(other.model),
    printerColumns: columnsOfOther(columns, other.toStorage),
    toStorage: other.toStorage,
    fromStorage: other.fromStorage,
  }));
  return defineKind<T>({
    ...kind,
    builtin: true,
    ...(ineffective !== undefined && { admission: warningOnCreation(ineffective) }),
    versions: [
      { name: version, served: true, schema: () => objectModelSchema(model), printerColumns: columns },
      ...others,
    ],
  });
}

function warningOnCreation(text: string): KindAdmission<never> {
  return {
    complete: (object) => object,
    review: (_object, old) => ({ errors: [], warnings: old === undefined ? [text] : [] }),
  };
}

/** Columns of the storage version, whose cells are computed from its objects, for objects of another. */
export function columnsOfOther(
  columns: readonly PrinterColumn[],
  toStorage: (object: KubeObject) => KubeObject,
): PrinterColumn[] {
  return columns.map((column) => {
    const { cell } = column;
    return cell === undefined ? column : { ...column, cell: (object, now) => cell(toStorage(object), now) };
  });
}

/** The scale subresource as the apps group has it. */
export const replicasScale: ScaleSubresource = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.spec.selector',
};
