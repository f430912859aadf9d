import type { AIGatewayRoute } from '../kinds/aigateway/aigatewayroute.ts';
import type { HTTPRoute } from '../kinds/gateway/httproute.ts';
import { modelHeaders, type ModelEntry } from '../routes/table.ts';

/** What the routes of a Gateway list at `/v1/models` (aigateway.md 3.7). */

const owner = { ai: 'Envoy AI Gateway', http: 'headgate' };

/** The models an AIGatewayRoute declares: those of Exact matches on `x-ai-eg-model`. */
export function modelsOf({ metadata, spec }: AIGatewayRoute): ModelEntry[] {
  return spec.rules.flatMap(({ matches = [], modelsOwnedBy, modelsCreatedAt }) => {
    const created = unixSeconds(modelsCreatedAt ?? metadata.creationTimestamp);
    return matches
      .flatMap(({ headers = [] }) => exactModels(headers, modelHeaders[0]))
      .map((id) => ({ id, ownedBy: modelsOwnedBy ?? owner.ai, created }));
  });
}

/** The models an HTTPRoute declares, written for a body-based router (epp.md 8): those of Exact matches on its header. */
export function modelsOfHTTPRoute({ metadata, spec }: HTTPRoute): ModelEntry[] {
  const created = unixSeconds(metadata.creationTimestamp);
  return (spec.rules ?? [])
    .flatMap(({ matches = [] }) => matches)
    .flatMap(({ headers = [] }) => exactModels(headers, modelHeaders[1]))
    .map((id) => ({ id, ownedBy: owner.http, created }));
}

function exactModels(headers: readonly { name: string; type?: string; value: string }[], header: string): string[] {
  return headers.flatMap(({ name, type = 'Exact', value }) =>
    type === 'Exact' && name.toLowerCase() === header ? [value] : [],
  );
}

function unixSeconds(time: string | undefined): number {
  const milliseconds = Date.parse(time ?? '');
  return Number.isNaN(milliseconds) ? 0 : Math.floor(milliseconds / 1000);
}
