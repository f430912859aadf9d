import type { Command } from 'commander';
import type { ServiceExplanation as FamilyExplanation } from '../../controllers/aim/service/explain.ts';
import { apiVersionOf, type Kind } from '../../kinds/kind.ts';
import type { KubeObject, ObjectRef } from '../../kinds/object.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { InformerCache } from '../../kube/informer.ts';
import type { Catalog } from '../../local/catalog.ts';
import type { InProcessPart } from '../../local/inprocess.ts';
import type { Reader } from '../../reconcile/pass.ts';
import type { Log } from '../../telemetry/log.ts';

/**
 * A family of resource APIs whose controllers Headgate has: all that the programs need to know of it. Everything that differs
 * from family to family is behind these fields; `app` and `cli` name none.
 */
export interface Family {
  readonly name: string;
  /** Its own kinds, of all its groups: those whose definitions belong to a cluster on which Headgate's controllers run. */
  readonly kinds: readonly Kind[];
  /** Those of them that declare something to wait for, or a model. */
  readonly declared: readonly DeclaredKind[];
  /** Names of Services by which its pools mean the embedded endpoint picker. */
  readonly pickerServices?: readonly string[];
  /** A Pod on the embedded node that stands for the controllers in this process. */
  readonly createPart?: (log: Log) => FamilyPart;
  /** Loads and starts the controllers. */
  start(host: FamilyHost): Promise<RunningFamily>;
}

/** What is known of a family before it is loaded: commands that need none start without it. */
export interface FamilyEntry {
  /** As `--controllers` calls it. */
  readonly name: string;
  /** Options of `headgate up` and `headgate controller`. */
  readonly addFlags?: (command: Command, port: (text: string) => number) => void;
  /**
   * Reads the flags of a command, and says how to load the family as they want it.
   *
   * @throws Error for flags that do not fit together
   */
  readonly loader: (flags: object) => () => Promise<Family>;
}

export interface FamilyPart {
  /** Image of the container that stands for it. */
  readonly image: string;
  readonly part: InProcessPart;
  /** Where its controllers write. */
  readonly log: Log;
  /** Makes the objects by which users find it. */
  readonly ensure: (client: KubeClient) => Promise<void>;
}

/** What the controllers of a family run on. */
export interface FamilyHost {
  readonly client: KubeClient;
  readonly informers: InformerCache;
  readonly log: Log;
  readonly version: string;
  /** The embedded node that runs what is declared; absent on a cluster. */
  readonly node?: { readonly catalog: Catalog; readonly gpuModels: readonly string[] };
}

export type { FamilyExplanation };

export interface RunningFamily {
  /** What an object of a declared kind is made of and why; undefined: there is no such object. */
  explain?(kind: Kind, ref: ObjectRef): FamilyExplanation | undefined;
  /** In the Prometheus exposition format. */
  metrics?(): Promise<string>;
  stop(): Promise<void>;
}

export interface DeclaredKind<T extends KubeObject = KubeObject> {
  readonly kind: Kind<T>;
  /** What else `headgate explain` calls it. */
  readonly alias?: readonly string[];
  /** Why an object is not ready, in the words of its own status; undefined: it is. */
  pending(object: T): string | undefined;
  /**
   * The model that requests to a route of this object have to name, where the route does not match on it; undefined: it is not
   * known yet. Without this, objects of the kind serve no model of their own.
   */
  modelOf?(object: T, read: Reader): string | undefined;
}

/** Whether an object of this kind is meant, such as by an owner reference. */
export const isOf = ({ kind }: DeclaredKind, owner: { apiVersion: string; kind: string }): boolean =>
  kind.kind === owner.kind && kind.versions.some(({ name }) => owner.apiVersion === apiVersionOf(kind, name));
