import { readLlmBody } from '../../../llm/body.ts';
import type { LlmEndpoint } from '../../../llm/endpoints.ts';
import { answer } from '../../answers.ts';
import type { GatewayRequest } from '../../request.ts';
import { BufferedBody } from '../../requestbody.ts';
import { listModels } from './models.ts';
import { waits, type ClientStep } from './step.ts';

/** Where routes match on the model, it is read from the body of the model APIs' requests before they match (aigateway.md 3.2). */
export const readModel: ClientStep = (request) => {
  const { api, listener, served } = request;
  if (api === undefined || listener?.readsModel !== true) return undefined;
  if (api.model !== 'none') return modelOfBody(request, api);
  return (served.gateway?.models.all.length ?? 0) > 0 ? listModels(request, api) : undefined;
};

export function modelOfBody(request: GatewayRequest, api: LlmEndpoint): ReturnType<ClientStep> {
  if (request.body === undefined) {
    if (api.model === 'form') return answer('multipart_endpoint', { path: request.path });
    if (isForm(request.exchange.header('content-type'))) return answer('multipart_body');
  }
  if (!request.holdBody(true)) return waits;
  const { body } = request;
  if (!(body instanceof BufferedBody) || body.scan === undefined) return undefined;
  const endpoint = api.errorPath;
  if (body.scan.error !== undefined) return answer('malformed_request', { endpoint, detail: body.scan.error });
  const read = readLlmBody(body.bytes(), body.scan);
  if ('error' in read) return answer('malformed_request', { endpoint, detail: read.error });
  if (read.model === '' && api.model === 'required') return answer('model_required');
  request.model = read.model;
  return undefined;
}

function isForm(contentType: string | undefined): boolean {
  return contentType?.toLowerCase().startsWith('multipart/form-data') === true;
}
