import { answerReview } from './auth/reviews.ts';
import { answerMetrics } from './verbs/metrics.ts';
import { answerTypeOf, answerTypes } from './negotiation.ts';
import { respondDiscovery, versionInfo } from './discovery/discovery.ts';
import { respondOpenApi } from './discovery/openapi.ts';
import { respondJson, respondText, warn, type ApiRequest, type ResourcePath } from './request.ts';
import { verbsOf } from './resources.ts';
import { methodNotAllowed, notAcceptable, noSuchPath } from './status.ts';
import { subresourceOf } from './subresources.ts';
import type { ResourceRequest, Server } from './verbs/context.ts';
import { isTrue } from './verbs/listoptions.ts';
import { getObject, listObjects } from './verbs/read.ts';
import { getScale, writeScale } from './verbs/scale.ts';
import { watchObjects } from './verbs/watch.ts';
import { createObject, deleteCollection, deleteObject, patchObject, updateObject } from './verbs/write.ts';

/** Finds what a request asks for and does it. */
export async function handle(server: Server, request: ApiRequest): Promise<void> {
  const { path, method } = request;
  const health = /^\/(healthz|livez|readyz)(\/ping|\/)?$/.exec(path)?.[1];
  if (health !== undefined) {
    respondHealth(request, health);
  } else if (path === '/version' || path === '/version/') {
    respondJson(request, 200, versionInfo);
  } else if (path.startsWith('/openapi/')) {
    if (!respondOpenApi(server.resources, request)) throw noSuchPath();
  } else if (request.resource !== undefined) {
    await handleResource(server, request, request.resource);
  } else if (method !== 'GET' || !respondDiscovery(server.resources, request)) {
    throw noSuchPath();
  }
}

/** The server does not listen before everything it needs is there: whoever gets an answer gets this one. */
function respondHealth(request: ApiRequest, endpoint: string): void {
  const verbose = request.query.get('verbose');
  if (verbose === null) respondText(request, 200, 'ok');
  else respondText(request, 200, `[+]ping ok\n${endpoint} check passed\n`);
}

async function handleResource(server: Server, request: ApiRequest, resource: ResourcePath): Promise<void> {
  const served = server.resources.find(resource.group, resource.version, resource.plural);
  if (served === undefined || (resource.namespace !== undefined && !served.kind.namespaced)) throw noSuchPath();
  if (resource.name !== undefined && served.kind.namespaced && resource.namespace === undefined) throw noSuchPath();
  if (!isConnection(resource)) requireAcceptable(request);
  const { deprecationWarning } = served.version;
  if (deprecationWarning !== undefined) warn(request, deprecationWarning);
  const found: ResourceRequest = { ...request, resource, served };
  if (served.kind.verbs !== undefined) {
    if (!(await answerUnstored(server, found))) throw methodNotAllowed();
    return;
  }
  if (resource.name === undefined) await handleCollection(server, found);
  else if (resource.subresource === undefined || (resource.subresource === 'status' && served.kind.status)) {
    await handleObject(server, found);
  } else await handleSubresource(server, found);
}

/** Logs are text, a connection into a Pod is no answer at all, and what a proxied program answers is its own affair. */
function isConnection({ subresource = '' }: ResourcePath): boolean {
  return ['log', 'exec', 'attach', 'portforward', 'proxy'].includes(subresource);
}

function requireAcceptable({ raw, query }: ApiRequest): void {
  const types = isTrue(query.get('watch')) ? answerTypes.slice(0, 1) : answerTypes;
  const type = answerTypeOf(raw);
  if (type === undefined || !types.includes(type)) throw notAcceptable(types);
}

async function handleCollection(server: Server, request: ResourceRequest): Promise<void> {
  switch (request.method) {
    case 'GET':
      if (isTrue(request.query.get('watch'))) watchObjects(server, request);
      else listObjects(server, request);
      return;
    case 'POST':
      await createObject(server, request);
      return;
    case 'DELETE':
      if (!verbsOf(request.served.kind).includes('deletecollection')) throw methodNotAllowed();
      await deleteCollection(server, request);
      return;
    default:
      throw methodNotAllowed();
  }
}

async function handleObject(server: Server, request: ResourceRequest): Promise<void> {
  switch (request.method) {
    case 'GET':
      getObject(server, request);
      return;
    case 'PUT':
      await updateObject(server, request);
      return;
    case 'PATCH':
      await patchObject(server, request);
      return;
    case 'DELETE':
      if (request.resource.subresource !== undefined) throw methodNotAllowed();
      await deleteObject(server, request);
      return;
    default:
      throw methodNotAllowed();
  }
}

async function handleSubresource(server: Server, request: ResourceRequest): Promise<void> {
  const { served, resource, method } = request;
  const { scale } = served.kind;
  if (resource.subresource === 'scale' && scale !== undefined) {
    if (method === 'GET') getScale(server, request, scale);
    else if (method === 'PUT' || method === 'PATCH') await writeScale(server, request, scale);
    else throw methodNotAllowed();
  } else {
    const subresource = subresourceOf(served.kind, resource.subresource);
    if (subresource === undefined) throw noSuchPath();
    if (!subresource.methods.includes(method)) throw methodNotAllowed();
    await subresource.answer(server, request);
  }
}

/** Kinds without stored objects: reviews are answered, metrics measured. */
async function answerUnstored(server: Server, request: ResourceRequest): Promise<boolean> {
  const { method, resource } = request;
  if (resource.subresource !== undefined) throw noSuchPath();
  if (method === 'POST' && resource.name === undefined) return answerReview(server, request);
  if (method === 'GET') return answerMetrics(server, request);
  return false;
}
