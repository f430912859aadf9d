import { accessForbidden, type Attributes } from '../auth/attributes.ts';
import { contentTypeOf, parseBody, readBody } from '../request.ts';
import { fieldManagerOf, isDryRun, refOf, type ResourceRequest, type Server } from './context.ts';
import { respondObject } from './read.ts';

/** Server-side apply: PATCH with a configuration, as YAML or JSON. */

export const applyContentType = 'application/apply-patch+yaml';

export async function applyObject(
  server: Server,
  request: ResourceRequest,
  subresource: 'status' | undefined,
): Promise<void> {
  const options = { ...applyOptionsOf(server, request), subresource };
  const configuration = parseBody(await readBody(request), contentTypeOf(request));
  const { object, created } = await server.objects.apply(request.served, refOf(request), configuration, options);
  respondObject(request, request.served, object, created ? 201 : 200);
}

export function applyOptionsOf(server: Server, request: ResourceRequest) {
  const manager = fieldManagerOf(request, 'PatchOptions', true);
  const force = request.query.get('force');
  return {
    dryRun: isDryRun(request.query, 'PatchOptions'),
    manager,
    force: force === 'true' || force === '1',
    beforeCreate: () => requireMayCreate(server, request),
  };
}

/** Who may patch an object may not therefore create one. */
export function requireMayCreate({ authorizer }: Server, { user, served, resource }: ResourceRequest): void {
  const attributes: Attributes = {
    verb: 'create',
    group: served.kind.group,
    resource: served.kind.plural,
    subresource: undefined,
    namespace: resource.namespace,
    name: resource.name ?? '',
  };
  if (!authorizer.authorize(user, attributes).allowed) throw accessForbidden(user, attributes);
}
