import { LegacyAIMClusterModel, LegacyAIMModel } from '../../../../kinds/aim/legacy/aimmodel.ts';
import {
  LegacyAIMClusterRuntimeConfig,
  LegacyAIMRuntimeConfig,
} from '../../../../kinds/aim/legacy/aimruntimeconfig.ts';
import { LegacyAIMService } from '../../../../kinds/aim/legacy/aimservice.ts';
import {
  LegacyAIMClusterServiceTemplate,
  LegacyAIMServiceTemplate,
} from '../../../../kinds/aim/legacy/aimservicetemplate.ts';
import { LegacyAIMTemplateCache } from '../../../../kinds/aim/legacy/aimtemplatecache.ts';
import { Node } from '../../../../kinds/core/node.ts';
import { Pod } from '../../../../kinds/core/pod.ts';
import { Gateway } from '../../../../kinds/gateway/gateway.ts';
import { InferenceService } from '../../../../kinds/kserve/inferenceservice.ts';
import type { Kind } from '../../../../kinds/kind.ts';
import { keyOf } from '../../../../kinds/object.ts';
import { watch, type Watch } from '../../../../kube/controller.ts';
import type { InformerCache } from '../../../../kube/informer.ts';
import { sameGpuLabels } from '../../templates/gpus.ts';
import { legacyDerivedTemplateName } from '../../legacynames.ts';
import { defaultConfigName } from '../../runtimeconfig.ts';
import { inferenceServiceLabel } from '../observe.ts';
import { byLegacyImage } from './model.ts';
import { byLegacyModel } from './template.ts';

/** Which services of aim.silogen.ai a change of another object wakes (aim.md 11.6). */

const byModelRef = 'aim/legacy-model-ref';
const byModelImage = 'aim/legacy-model-image';
const byTemplateName = 'aim/legacy-template-name';
const byConfigName = 'aim/legacy-config-name';
const byModelName = 'aim/legacy-name';

const some = (text: string | undefined): string[] => (text === undefined || text === '' ? [] : [text.trim()]);

export function addLegacyServiceIndexes(informers: InformerCache): void {
  const services = informers.informer(LegacyAIMService);
  services.addIndex(byModelRef, ({ spec }) => some(spec?.model.ref));
  services.addIndex(byModelImage, ({ spec }) => some(spec?.model.image));
  services.addIndex(byConfigName, ({ spec }) => [spec?.runtimeConfigName ?? defaultConfigName]);
  services.addIndex(byTemplateName, ({ spec, status }) => {
    const named = some(spec?.templateRef);
    const derived = named.map((name) => legacyDerivedTemplateName(name, spec?.overrides ?? {}));
    return [...new Set([...named, ...derived, ...some(status?.resolvedTemplate?.name)])];
  });
  for (const kind of [LegacyAIMModel, LegacyAIMClusterModel]) {
    const models = informers.informer(kind);
    models.addIndex(byLegacyImage, ({ spec }) => some(spec?.image));
    models.addIndex(byModelName, ({ metadata }) => [metadata.name]);
  }
  for (const kind of [LegacyAIMServiceTemplate, LegacyAIMClusterServiceTemplate]) {
    informers.informer(kind).addIndex(byLegacyModel, ({ spec }) => some(spec?.modelName));
  }
}

export function legacyServiceWatches(informers: InformerCache): Watch[] {
  const services = informers.informer(LegacyAIMService);
  const servicesBy = (index: string, value: string, namespace: string | undefined): string[] =>
    services
      .byIndex(index, value)
      .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
      .map(({ metadata }) => keyOf(metadata));
  const ofModel = (name: string, image: string | undefined, namespace: string | undefined): string[] => [
    ...servicesBy(byModelRef, name, namespace),
    ...(image === undefined ? [] : servicesBy(byModelImage, image, namespace)),
  ];
  const ofTemplate = ({ metadata: { name, namespace }, spec }: LegacyAIMServiceTemplate): string[] => {
    const modelName = spec?.modelName ?? '';
    const images = [LegacyAIMModel, LegacyAIMClusterModel].flatMap((kind) =>
      informers
        .informer(kind)
        .byIndex(byModelName, modelName)
        .flatMap((model) => some(model.spec?.image)),
    );
    return [
      ...servicesBy(byTemplateName, name, namespace),
      ...[...new Set(images), undefined].flatMap((image) => ofModel(modelName, image, namespace)),
    ];
  };
  const models = (kind: Kind<LegacyAIMModel>): Watch =>
    watch(informers.informer(kind), ({ object: { metadata, spec } }) => [
      ...ofModel(metadata.name, spec?.image, metadata.namespace),
      // Those that name a template of the model.
      ...templatesOf(informers, metadata.name, metadata.namespace).flatMap((template) =>
        servicesBy(byTemplateName, template.metadata.name, metadata.namespace),
      ),
    ]);
  const ofServing = (namespace: string | undefined, name: string | undefined): string[] =>
    (name === undefined
      ? undefined
      : informers.informer(InferenceService).get({ namespace, name })
    )?.metadata.ownerReferences
      ?.filter(
        ({ kind, apiVersion }) => kind === LegacyAIMService.kind && apiVersion.startsWith(`${LegacyAIMService.group}/`),
      )
      .map((owner) => keyOf({ namespace, name: owner.name })) ?? [];
  const thatWait = (): string[] =>
    services
      .list()
      .filter(({ status }) => status?.status !== 'Running')
      .map(({ metadata }) => keyOf(metadata));

  return [
    models(LegacyAIMModel),
    models(LegacyAIMClusterModel),
    ...[LegacyAIMServiceTemplate, LegacyAIMClusterServiceTemplate].map((kind) =>
      watch(informers.informer(kind), ({ object }) => ofTemplate(object)),
    ),
    ...[LegacyAIMRuntimeConfig, LegacyAIMClusterRuntimeConfig].map((kind) =>
      watch(informers.informer(kind), ({ object: { metadata } }) =>
        servicesBy(byConfigName, metadata.name, metadata.namespace),
      ),
    ),
    watch(informers.informer(LegacyAIMTemplateCache), ({ object: { metadata, spec } }) => {
      const { namespace } = metadata;
      const name = spec?.templateRef ?? '';
      const templates = [
        informers.informer(LegacyAIMServiceTemplate).get({ namespace, name }),
        informers.informer(LegacyAIMClusterServiceTemplate).get({ name }),
      ].filter((template) => template !== undefined);
      const keys = [...servicesBy(byTemplateName, name, namespace), ...templates.flatMap(ofTemplate)];
      return keys.filter((key) => key.startsWith(`${namespace ?? ''}/`));
    }),
    watch(informers.informer(Pod), ({ object: { metadata } }) =>
      ofServing(metadata.namespace, metadata.labels?.[inferenceServiceLabel]),
    ),
    watch(informers.informer(Node), ({ object, previous, deleted }) =>
      !deleted && sameGpuLabels(object.metadata.labels, previous?.metadata.labels) ? [] : thatWait(),
    ),
    // A route says nothing about a Gateway that is not there.
    watch(informers.informer(Gateway), ({ previous, deleted }) =>
      previous === undefined || deleted ? thatWait() : [],
    ),
  ];
}

function templatesOf(informers: InformerCache, model: string, namespace: string | undefined) {
  const own = informers
    .informer(LegacyAIMServiceTemplate)
    .byIndex(byLegacyModel, model)
    .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace);
  return [...own, ...informers.informer(LegacyAIMClusterServiceTemplate).byIndex(byLegacyModel, model)];
}
