import { Secret } from '../../../kinds/core/secret.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { type Condition, keyOf, type KubeObject, type ObjectRef } from '../../../kinds/object.ts';
import { watch, type Watch } from '../../../kube/controller.ts';
import type { InformerCache } from '../../../kube/informer.ts';
import type { ControllerEnvironment, PlannedObject } from '../../../reconcile/pass.ts';
import type { ImageCatalog } from '../registry/imagecatalog.ts';
import { defaultConfigName } from '../runtimeconfig.ts';
import type { TemplateState } from '../templates/aggregate.ts';

/** What models of both generations look at beside themselves, and what wakes them. */

/** The fields that matter here, which the kinds of both generations have. */
export interface ModelLike extends PlannedObject {
  spec?: { image: string; imagePullSecrets?: { name?: string }[]; runtimeConfigName?: string };
  status?: { status?: string; conditions?: Condition[] };
}

export interface TemplateLike extends PlannedObject {
  spec?: { modelName: string; runtimeConfigName?: string };
  status?: { status?: string; conditions?: Condition[] };
}

const byModelName = 'aim-model-name';
const byImage = 'aim-image';
const bySecret = 'aim-pull-secret';

/** The states of the templates for a model, in its namespace or, for a cluster model, the cluster. */
export function templatesOfModel(
  informers: InformerCache,
  kind: Kind<TemplateLike>,
): (model: KubeObject) => TemplateState[] {
  const templates = informers.informer(kind);
  templates.addIndex(byModelName, (template) => {
    const model = modelOf(template);
    return model === undefined ? [] : [keyOf(model)];
  });
  return (model) =>
    templates
      .byIndex(byModelName, keyOf(model.metadata))
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata, status }) => ({ name: metadata.name, status: status?.status }));
}

function modelOf({ metadata, spec }: TemplateLike): ObjectRef | undefined {
  return spec === undefined ? undefined : { namespace: metadata.namespace, name: spec.modelName };
}

/** Templates for the model, pull secrets, runtime configurations, and answers of registries. */
export function modelWatches(
  { informers, operatorNamespace }: ControllerEnvironment,
  catalog: ImageCatalog,
  kinds: {
    readonly kind: Kind<ModelLike>;
    readonly template: Kind<TemplateLike>;
    readonly configs: readonly Kind<KubeObject>[];
  },
): Watch[] {
  const models = informers.informer(kinds.kind);
  models.addIndex(byImage, ({ spec }) => (spec === undefined ? [] : [spec.image]));
  models.addIndex(bySecret, ({ metadata, spec }) =>
    (spec?.imagePullSecrets ?? []).map(({ name = '' }) =>
      keyOf({ namespace: metadata.namespace ?? operatorNamespace, name }),
    ),
  );
  const keysOf = (found: readonly ModelLike[]): string[] => found.map(({ metadata }) => keyOf(metadata));
  return [
    watch(informers.informer(kinds.template), ({ object, previous, deleted }) => {
      const model = modelOf(object);
      const sameState = !deleted && previous !== undefined && previous.status?.status === object.status?.status;
      return model === undefined || sameState ? [] : [keyOf(model)];
    }),
    watch(informers.informer(Secret), ({ object }) => keysOf(models.byIndex(bySecret, keyOf(object.metadata)))),
    ...kinds.configs.map((config) =>
      watch(informers.informer(config), ({ object }) => keysOf(usersOf(models, object))),
    ),
    {
      start: (add) =>
        catalog.onAnswer((image) => {
          for (const key of keysOf(models.byIndex(byImage, image))) add(key);
        }),
    },
  ];
}

/** Objects that a runtime configuration counts for; one of the cluster counts in every namespace. */
export function usersOf<T extends PlannedObject & { spec?: { runtimeConfigName?: string } }>(
  objects: { list(namespace?: string): readonly T[] },
  { metadata }: KubeObject,
): T[] {
  return objects
    .list(metadata.namespace)
    .filter(({ spec }) => (spec?.runtimeConfigName || defaultConfigName) === metadata.name);
}
