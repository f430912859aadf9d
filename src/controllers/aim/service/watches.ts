import { AIMClusterModel, AIMModel } from '../../../kinds/aim/aimmodel.ts';
import { AIMClusterRuntimeConfig, AIMRuntimeConfig } from '../../../kinds/aim/aimruntimeconfig.ts';
import { AIMService } from '../../../kinds/aim/aimservice.ts';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from '../../../kinds/aim/aimservicetemplate.ts';
import { AIMTemplateCache } from '../../../kinds/aim/aimtemplatecache.ts';
import { HorizontalPodAutoscaler } from '../../../kinds/autoscaling/horizontalpodautoscaler.ts';
import { Node } from '../../../kinds/core/node.ts';
import { Pod } from '../../../kinds/core/pod.ts';
import { Gateway } from '../../../kinds/gateway/gateway.ts';
import { InferenceService } from '../../../kinds/kserve/inferenceservice.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { keyOf, type KubeObject } from '../../../kinds/object.ts';
import { watch, type Watch } from '../../../kube/controller.ts';
import type { InformerCache } from '../../../kube/informer.ts';
import { sameGpuLabels } from '../templates/gpus.ts';
import { defaultConfigName } from '../runtimeconfig.ts';
import { inferenceServiceLabel } from './observe.ts';

/** Which services a change of another object wakes (aim.md 5.9; also templates wake services that choose one). */

const byModelName = 'aim/model-name';
const byModelImage = 'aim/model-image';
const byTemplateName = 'aim/template-name';
const byConfigName = 'aim/config-name';

const some = (text: string | undefined): string[] => (text === undefined || text === '' ? [] : [text.trim()]);

/** Index of the models of namespaces by their names: a template of the cluster is for any of a name. */
export const byName = 'aim/name';

/** Of the spec only: the status is on its way while others change. */
export const serviceIndexes: Readonly<Record<string, (service: AIMService) => string[]>> = {
  [byModelName]: ({ spec }) => some(spec?.model.name),
  [byModelImage]: ({ spec }) => [...some(spec?.model.image), ...some(spec?.model.custom?.baseImage)],
  [byTemplateName]: ({ spec }) => some(spec?.template?.name),
  [byConfigName]: ({ spec }) => [spec?.runtimeConfigName || defaultConfigName],
};

export function watchesOf(informers: InformerCache): Watch[] {
  const services = informers.informer(AIMService);
  const models = informers.informer(AIMModel);
  const clusterModels = informers.informer(AIMClusterModel);

  /** Services of an index, of one namespace or, for what is of the cluster, of all. */
  const servicesBy = (index: string, value: string, namespace: string | undefined): string[] =>
    services
      .byIndex(index, value)
      .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
      .map(({ metadata }) => keyOf(metadata));
  const ofModel = (name: string, image: string | undefined, namespace: string | undefined): string[] => [
    ...servicesBy(byModelName, name, namespace),
    ...(image === undefined ? [] : servicesBy(byModelImage, image, namespace)),
  ];
  const ofTemplate = ({ metadata, spec }: AIMServiceTemplate): string[] => {
    const { name, namespace } = metadata;
    const named = servicesBy(byTemplateName, name, namespace);
    if (spec === undefined) return named;
    const { modelName } = spec;
    const own = models
      .byIndex(byName, modelName)
      .filter((model) => namespace === undefined || model.metadata.namespace === namespace);
    const images = [...own, clusterModels.get({ name: modelName })].flatMap((model) => some(model?.spec?.image));
    return [...named, ...[...images, undefined].flatMap((image) => ofModel(modelName, image, namespace))];
  };
  const ofServing = (namespace: string | undefined, name: string | undefined): string[] => {
    const serving = name === undefined ? undefined : informers.informer(InferenceService).get({ namespace, name });
    return (serving?.metadata.ownerReferences ?? [])
      .filter(({ kind, apiVersion }) => kind === AIMService.kind && apiVersion.startsWith(`${AIMService.group}/`))
      .map((owner) => keyOf({ namespace, name: owner.name }));
  };
  const templates = (kind: Kind<AIMServiceTemplate>): Watch =>
    watch(informers.informer(kind), ({ object }) => ofTemplate(object));
  const configs = (kind: Kind<AIMRuntimeConfig>): Watch =>
    watch(informers.informer(kind), ({ object: { metadata } }) =>
      servicesBy(byConfigName, metadata.name, metadata.namespace),
    );
  const ofCache = ({ metadata: { namespace }, spec }: AIMTemplateCache): string[] => {
    const name = spec?.templateName ?? '';
    const own = informers.informer(AIMServiceTemplate).get({ namespace, name });
    const cluster = informers.informer(AIMClusterServiceTemplate).get({ name });
    const keys = [own, cluster].flatMap((template) => (template === undefined ? [] : ofTemplate(template)));
    const inNamespace = `${namespace ?? ''}/`;
    return [...servicesBy(byTemplateName, name, namespace), ...keys].filter((key) => key.startsWith(inNamespace));
  };
  const waitingFor = (holds: (service: AIMService) => boolean): string[] =>
    services
      .list()
      .filter(holds)
      .map(({ metadata }) => keyOf(metadata));

  return [
    watch(models, ({ object: { metadata, spec } }) => ofModel(metadata.name, spec?.image, metadata.namespace)),
    watch(clusterModels, ({ object: { metadata, spec } }) => ofModel(metadata.name, spec?.image, undefined)),
    templates(AIMServiceTemplate),
    templates(AIMClusterServiceTemplate),
    configs(AIMRuntimeConfig),
    configs(AIMClusterRuntimeConfig),
    watch(informers.informer(AIMTemplateCache), ({ object }) => ofCache(object)),
    watch(informers.informer(Pod), ({ object: { metadata } }) =>
      ofServing(metadata.namespace, metadata.labels?.[inferenceServiceLabel]),
    ),
    watch(informers.informer(HorizontalPodAutoscaler), ({ object: { metadata } }) =>
      ofServing(metadata.namespace, servingOfAutoscaler(metadata.name)),
    ),
    watch(informers.informer(Node), ({ object, previous, deleted }) =>
      !deleted && sameGpuLabels(object.metadata.labels, previous?.metadata.labels)
        ? []
        : waitingFor(({ status }) => status?.resolvedTemplate === undefined),
    ),
    // A route says nothing about a Gateway that is not there.
    watch(informers.informer(Gateway), ({ previous, deleted }) =>
      previous === undefined || deleted ? waitingFor((service) => waitsForRoute(service)) : [],
    ),
  ];
}

function servingOfAutoscaler(name: string): string | undefined {
  return /^keda-hpa-(?<serving>.+)-predictor$/.exec(name)?.groups?.['serving'];
}

function waitsForRoute({ status }: KubeObject & Pick<AIMService, 'status'>): boolean {
  return (
    status?.conditions?.some(({ type, reason }) => type === 'HTTPRouteReady' && reason === 'HTTPRoutePending') === true
  );
}
