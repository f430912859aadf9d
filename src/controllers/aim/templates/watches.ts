import { Job } from '../../../kinds/batch/job.ts';
import { Node } from '../../../kinds/core/node.ts';
import { Pod } from '../../../kinds/core/pod.ts';
import type { Kind } from '../../../kinds/kind.ts';
import { keyOf, type KubeObject } from '../../../kinds/object.ts';
import { watch, type Watch } from '../../../kube/controller.ts';
import type { Change, InformerCache } from '../../../kube/informer.ts';
import { controllerOf } from '../../../kube/owners.ts';
import { sameGpuLabels } from './gpus.ts';
import { usersOf, type ModelLike, type TemplateLike } from '../models/watches.ts';

/** What wakes templates of both generations, beside their own Jobs and caches. */

const byBareModelName = 'aim-template-model';

export function templateWatches(
  informers: InformerCache,
  kinds: {
    readonly kind: Kind<TemplateLike>;
    /** Models of the namespace (absent for cluster templates) and of the cluster. */
    readonly models: readonly Kind<ModelLike>[];
    readonly configs: readonly Kind<KubeObject>[];
    /** Whether the template asks for GPUs. */
    readonly usesGpus: (template: KubeObject) => boolean;
  },
): Watch[] {
  const templates = informers.informer(kinds.kind);
  templates.addIndex(byBareModelName, ({ spec }) => (spec === undefined ? [] : [spec.modelName]));
  const keysOf = (found: readonly KubeObject[]): string[] => found.map(({ metadata }) => keyOf(metadata));
  const jobs = informers.informer(Job);

  return [
    ...kinds.models.map((model) =>
      watch(informers.informer(model), (change) => {
        if (!concernsTemplates(change)) return [];
        const { name, namespace } = change.object.metadata;
        const users = templates.byIndex(byBareModelName, name);
        return keysOf(
          namespace === undefined ? users : users.filter(({ metadata }) => metadata.namespace === namespace),
        );
      }),
    ),
    ...kinds.configs.map((config) =>
      watch(informers.informer(config), ({ object }) => keysOf(usersOf(templates, object))),
    ),
    watch(informers.informer(Node), ({ object, previous, deleted }) => {
      const before = previous?.metadata.labels;
      if (!deleted && sameGpuLabels(before, object.metadata.labels)) return [];
      return keysOf(templates.list().filter((template) => kinds.usesGpus(template)));
    }),
    watch(informers.informer(Pod), (change) => {
      const { metadata } = change.object;
      const owner = controllerOf(change.object);
      if (owner?.kind !== Job.kind || !hasNews(change)) return [];
      const job = jobs.get({ namespace: metadata.namespace, name: owner.name });
      return (job?.metadata.ownerReferences ?? [])
        .filter(({ kind, apiVersion }) => kind === kinds.kind.kind && apiVersion.startsWith(`${kinds.kind.group}/`))
        .map(({ name }) => keyOf(kinds.kind.namespaced ? { namespace: metadata.namespace, name } : { name }));
    }),
  ];
}

function concernsTemplates({ object, previous, deleted }: Change<ModelLike>): boolean {
  if (deleted || previous === undefined) return true;
  return (
    previous.metadata.generation !== object.metadata.generation || previous.status?.status !== object.status?.status
  );
}

/** A pod in another phase, or with another reason to wait. */
function hasNews({ object, previous, deleted }: Change<Pod>): boolean {
  if (deleted || previous === undefined) return true;
  return newsOf(previous) !== newsOf(object);
}

function newsOf({ status }: Pod): string {
  const waiting = (status?.containerStatuses ?? []).map(({ state }) => state?.waiting?.reason ?? '');
  const unschedulable = status?.conditions?.find(({ type }) => type === 'PodScheduled')?.reason;
  return JSON.stringify([status?.phase, waiting, unschedulable]);
}
