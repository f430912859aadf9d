import { readLlmBody } from '../../../llm/body.ts';
import type { LlmEndpoint } from '../../../llm/endpoints.ts';
import { boundaryOf, FormScan } from '../../../llm/form.ts';
import { JsonScan } from '../../../llm/scan.ts';
import { answer, type Answer } from '../../answers.ts';
import { encodingIn } from '../../contentencoding.ts';
import type { GatewayRequest } from '../../request.ts';
import { BufferedBody } from '../../requestbody.ts';
import { waits, type ClientStep } from './step.ts';

/**
 * Where routes match on the model, it is read from the body before they match (aigateway.md 3.2): of the model APIs as they have it, of
 * any other request with a body in JSON by the name `model` (epp.md 8). Reading never decides whether a request may be routed: what
 * cannot be read has no model, and only a rule that wants one refuses it.
 */
export const readModel: ClientStep = (request) => {
  const { api, listener, exchange } = request;
  if (listener?.readsModel !== true || api?.model === 'none') return undefined;
  if (api !== undefined) return modelOfBody(request, api);
  if (!exchange.hasBody || !isJson(exchange.header('content-type'))) return undefined;
  const outcome = holdReadable(request, { scan: new JsonScan() });
  if (outcome !== undefined) return outcome === waits ? waits : undefined;
  const read = jsonModel(request.body);
  if (typeof read === 'string' && read !== '') request.model = read;
  return undefined;
};

/** Reads the model of a model API's request. Why there is none is kept in `unreadable`. */
export function modelOfBody(request: GatewayRequest, api: LlmEndpoint): typeof waits | undefined {
  const outcome = api.model === 'form' ? formModel(request, api) : bodyModel(request, api);
  if (outcome === waits) return waits;
  if ('model' in outcome) request.model = outcome.model;
  else request.unreadable = outcome;
  return undefined;
}

/** Of a body that could be read; '' where it names none. */
interface Model {
  readonly model: string;
}

function bodyModel(request: GatewayRequest, api: LlmEndpoint): Model | Answer | typeof waits {
  if (isForm(request.exchange.header('content-type'))) return answer('multipart_body');
  const outcome = holdReadable(request, { scan: new JsonScan() });
  if (outcome !== undefined) return outcome;
  const read = jsonModel(request.body);
  if (typeof read !== 'string') return answer('malformed_request', { endpoint: api.errorPath, detail: read.error });
  return read === '' && api.model === 'required' ? answer('model_required') : { model: read };
}

function formModel(request: GatewayRequest, api: LlmEndpoint): Model | Answer | typeof waits {
  const contentType = request.exchange.header('content-type');
  if (!isForm(contentType)) return answer('form_expected', { path: request.path });
  const boundary = boundaryOf(contentType);
  const endpoint = api.errorPath;
  if (boundary === undefined) return answer('malformed_form', { endpoint, detail: 'its content type has no boundary' });
  const outcome = holdReadable(request, { form: new FormScan(boundary) });
  if (outcome !== undefined) return outcome;
  const form = request.body instanceof BufferedBody ? request.body.form : undefined;
  if (form?.error !== undefined) return answer('malformed_form', { endpoint, detail: form.error });
  const model = form?.fields.get('model')?.value ?? '';
  return model === '' ? answer('form_field_required') : { model };
}

/** Holds the body, decoded. */
function holdReadable(
  request: GatewayRequest,
  looking: Parameters<GatewayRequest['holdBody']>[0],
): Answer | typeof waits | undefined {
  const encoding = encodingIn(request.exchange.header('content-encoding'));
  if (typeof encoding === 'object') return answer('content_encoding_unsupported', { encoding: encoding.unknown });
  if (!request.holdBody(looking, encoding)) return waits;
  const broken = request.body instanceof BufferedBody ? request.body.broken : undefined;
  if (broken === 'encoding') return answer('content_encoding_broken', { encoding: encoding ?? '' });
  return broken === undefined
    ? undefined
    : answer('body_too_large', { limit: request.served.gateway?.bodyLimitBytes ?? 0 });
}

function jsonModel(body: GatewayRequest['body']): string | { readonly error: string } {
  if (!(body instanceof BufferedBody) || body.scan === undefined) return '';
  if (body.scan.error !== undefined) return { error: body.scan.error };
  const read = readLlmBody(body.bytes(), body.scan);
  return 'error' in read ? read : read.model;
}

function isForm(contentType: string | undefined): boolean {
  return contentType?.toLowerCase().startsWith('multipart/form-data') === true;
}

function isJson(contentType: string | undefined): boolean {
  return /^[^;]*[/+]json\b/i.test(contentType ?? '');
}
