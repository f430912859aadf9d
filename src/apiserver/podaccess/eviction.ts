import { isObject, valueAt } from '../json.ts';
import { contentTypeOf, parseBody, readBody, respondJson } from '../request.ts';
import { badRequest } from '../status.ts';
import { isDryRun, refOf, type ResourceRequest, type Server } from '../verbs/context.ts';
import { parseDeleteOptions } from '../writes.ts';

/** POST `pods/{name}/eviction`: deletes the Pod. There are no PodDisruptionBudgets that could stand against it. */
export async function evictPod(server: Server, request: ResourceRequest): Promise<void> {
  const body = parseBody(await readBody(request), contentTypeOf(request));
  if (!isObject(body)) throw badRequest('the body must be an Eviction object');
  const ref = refOf(request);
  const name = valueAt(body, 'metadata', 'name');
  if (name !== undefined && name !== ref.name) throw badRequest('name in URL does not match name in Eviction object');
  const wanted = valueAt(body, 'deleteOptions') ?? {};
  const asked = valueAt(wanted, 'dryRun');
  const dryRun = isDryRun(request.query, 'CreateOptions') || (Array.isArray(asked) && asked.includes('All'));
  await server.objects.remove(request.served, ref, { ...parseDeleteOptions(wanted, request.query), dryRun });
  respondJson(request, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
}
