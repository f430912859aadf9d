import { NodeMetrics } from '../../kinds/metrics/nodemetrics.ts';
import { PodMetrics } from '../../kinds/metrics/podmetrics.ts';
import { respondJson } from '../request.ts';
import { resourceId } from '../resources.ts';
import { parseSelection } from '../selectors.ts';
import { ApiError, noSuchPath, notFound } from '../status.ts';
import type { ResourceRequest, Server } from './context.ts';

/** GET of metrics.k8s.io; false for kinds of other groups. */
export async function answerMetrics(server: Server, request: ResourceRequest): Promise<boolean> {
  const { served, resource, query } = request;
  const isNode = resourceId(served.kind) === resourceId(NodeMetrics);
  if (!isNode && resourceId(served.kind) !== resourceId(PodMetrics)) return false;
  if (query.get('watch') === 'true') throw noSuchPath();
  const { metrics } = server;
  if (metrics === undefined) {
    throw new ApiError(503, 'ServiceUnavailable', 'no node is running: there is nothing to measure');
  }
  const measured = await (isNode ? metrics.nodes() : metrics.pods(resource.namespace));
  const { name } = resource;
  if (name !== undefined) {
    const found = measured.find(({ metadata }) => metadata.name === name);
    if (found === undefined) throw notFound(served.kind, name);
    respondJson(request, 200, found);
    return true;
  }
  const selection = parseSelection(served.kind, query);
  respondJson(request, 200, {
    kind: `${served.kind.kind}List`,
    apiVersion: served.apiVersion,
    metadata: {},
    items: measured.filter((one) => selection.matches({ ...one })),
  });
  return true;
}
