import { isObject, listAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import { contentTypeOf, parseBody, readBody, respondJson } from '../request.ts';
import { badRequest, conflict, invalid, notSupported, required } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import { fieldManagerOf, isDryRun, refOf, type ResourceRequest, type Server } from '../verbs/context.ts';
import { timestamp } from '../../kinds/timestamp.ts';

/** POST `pods/{name}/binding`: what a scheduler does to put a Pod on a node. */
export async function bindPod(server: Server, request: ResourceRequest): Promise<void> {
  const { served, query } = request;
  const body = parseBody(await readBody(request), contentTypeOf(request));
  if (!isObject(body)) throw badRequest('the body must be a Binding object');
  const ref = refOf(request);
  const name = stringAt(body, 'metadata', 'name');
  if (name !== undefined && name !== ref.name) throw badRequest('name in URL does not match name in Binding object');
  const node = nodeOf(body, ref.name);
  const bind = (pod: StoredObject): StoredObject => {
    const { metadata } = pod;
    const uid = stringAt(body, 'metadata', 'uid');
    if (uid !== undefined && uid !== metadata.uid) throw conflict(served.kind, ref.name, `the UID is ${metadata.uid}`);
    if (metadata.deletionTimestamp !== undefined) {
      throw conflict(served.kind, ref.name, `pod ${ref.name} is being deleted, cannot be assigned to a host`);
    }
    const bound = stringAt(pod, 'spec', 'nodeName') ?? '';
    if (bound !== '') throw conflict(served.kind, ref.name, `pod ${ref.name} is already assigned to node "${bound}"`);
    return { ...pod, spec: { ...objectAt(pod, 'spec'), nodeName: node } };
  };
  const options = { dryRun: isDryRun(query, 'CreateOptions'), manager: fieldManagerOf(request, 'CreateOptions') };
  await server.objects.update(served, ref, bind, options);
  if (!options.dryRun) {
    await server.objects.update(served, ref, withScheduled, { ...options, subresource: 'status' });
  }
  respondJson(request, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
}

function nodeOf(binding: JsonObject, name: string): string {
  const kind = stringAt(binding, 'target', 'kind') ?? '';
  const node = stringAt(binding, 'target', 'name') ?? '';
  const errors = [
    ...(kind === '' || kind === 'Node' ? [] : [notSupported('target.kind', kind, ['Node', '<empty>'])]),
    ...(node === '' ? [required('target.name')] : []),
  ];
  if (errors.length > 0) throw invalid({ group: '', kind: 'Binding' }, name, errors);
  return node;
}

function withScheduled(pod: StoredObject): StoredObject {
  const status = objectAt(pod, 'status') ?? {};
  const others = listAt(status, 'conditions').filter((condition) => stringAt(condition, 'type') !== 'PodScheduled');
  const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: timestamp(new Date()) };
  return { ...pod, status: { ...status, conditions: [...others, scheduled] } };
}
