import { keyOf } from '../../kinds/object.ts';
import type { ScaleSubresource } from '../../kinds/kind.ts';
import { selectorText } from '../../kinds/kubernetes/columns.ts';
import { isObject, objectAt, valueAt, withValue, type JsonObject } from '../json.ts';
import { evaluatePath } from '../jsonpath.ts';
import { mergePatch } from '../patch/merge.ts';
import { contentTypeOf, parseBody, readBody, respondJson } from '../request.ts';
import type { Served } from '../resources.ts';
import { badRequest, conflict, invalid, invalidValue, notFound, unsupportedMediaType } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import { applyContentType, applyOptionsOf } from './apply.ts';
import { fieldManagerOf, isDryRun, refOf, type ResourceRequest, type Server } from './context.ts';

/** The scale subresource (autoscaling/v1 Scale): `kubectl scale` and autoscalers. */

export function getScale(server: Server, request: ResourceRequest, scale: ScaleSubresource): void {
  const ref = refOf(request);
  const stored = server.store.get(request.served.id, keyOf(ref));
  if (stored === undefined) throw notFound(request.served.kind, ref.name);
  respondJson(request, 200, scaleOf(request.served, stored, scale));
}

/** PUT and PATCH */
export async function writeScale(server: Server, request: ResourceRequest, scale: ScaleSubresource): Promise<void> {
  const { served, query, method } = request;
  const contentType = contentTypeOf(request);
  const body = parseBody(await readBody(request), contentType);
  if (method === 'PATCH' && contentType === applyContentType) {
    await applyScale(server, request, scale, body);
    return;
  }
  if (
    method === 'PATCH' &&
    contentType !== 'application/merge-patch+json' &&
    contentType !== 'application/strategic-merge-patch+json'
  ) {
    throw unsupportedMediaType('a scale takes application/merge-patch+json and application/apply-patch+yaml patches');
  }
  const change = (current: StoredObject): StoredObject => {
    const now = scaleOf(served, served.toStorage(current), scale);
    const wanted = method === 'PATCH' ? mergePatch(now, body) : body;
    return withReplicas(served, current, wanted, scale);
  };
  const manager = fieldManagerOf(request, method === 'PATCH' ? 'PatchOptions' : 'UpdateOptions');
  const options = { dryRun: isDryRun(query, 'UpdateOptions'), subresource: 'scale' as const, manager };
  const updated = await server.objects.update(served, refOf(request), change, options);
  respondJson(request, 200, scaleOf(served, updated, scale));
}

/** Applying a Scale is applying the one field of the object that it stands for. */
async function applyScale(
  server: Server,
  request: ResourceRequest,
  scale: ScaleSubresource,
  body: unknown,
): Promise<void> {
  const { served } = request;
  const [apiVersion, kind] = [valueAt(body, 'apiVersion'), valueAt(body, 'kind')];
  if (apiVersion !== 'autoscaling/v1' || kind !== 'Scale') {
    throw badRequest(`invalid object type: a scale is applied as autoscaling/v1, Kind=Scale`);
  }
  const replicas = checkedReplicas(served, refOf(request).name, valueAt(body, 'spec', 'replicas'));
  const metadata = { ...objectAt(body, 'metadata'), name: refOf(request).name };
  const configuration = withValue(
    { apiVersion: served.apiVersion, kind: served.kind.kind, metadata },
    replicasPath(scale),
    replicas,
  );
  const options = { ...applyOptionsOf(server, request), subresource: 'scale' as const };
  const { object } = await server.objects.apply(served, refOf(request), configuration, options);
  respondJson(request, 200, scaleOf(served, object, scale));
}

function replicasPath({ specReplicasPath }: ScaleSubresource): string[] {
  return specReplicasPath.split('.').slice(1);
}

function checkedReplicas(served: Served, name: string, replicas: unknown): number {
  if (typeof replicas === 'number' && Number.isInteger(replicas) && replicas >= 0) return replicas;
  throw invalid(served.kind, name, [invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0')]);
}

function withReplicas(served: Served, current: StoredObject, wanted: unknown, scale: ScaleSubresource): StoredObject {
  if (!isObject(wanted)) throw badRequest('the body must be a Scale object');
  const { name } = current.metadata;
  const replicas = checkedReplicas(served, name, valueAt(wanted, 'spec', 'replicas') ?? 0);
  const version = valueAt(wanted, 'metadata', 'resourceVersion');
  if (typeof version === 'string' && version !== '' && version !== current.metadata.resourceVersion) {
    throw conflict(served.kind, name);
  }
  return { ...current, ...withValue(current, replicasPath(scale), replicas) };
}

function scaleOf(served: Served, stored: StoredObject, scale: ScaleSubresource): JsonObject {
  const object = served.fromStorage(stored);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const first = (path: string | undefined) => (path === undefined ? undefined : evaluatePath(path, object)[0]);
  const selector = first(scale.labelSelectorPath);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: first(scale.specReplicasPath) ?? 0 },
    status: {
      replicas: first(scale.statusReplicasPath) ?? 0,
      ...(selector !== undefined && {
        selector: typeof selector === 'string' ? selector : selectorText(isObject(selector) ? selector : {}),
      }),
    },
  };
}
