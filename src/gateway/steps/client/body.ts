import { readLlmBody } from '../../../llm/body.ts';
import { JsonScan } from '../../../llm/scan.ts';
import { BufferedBody } from '../../requestbody.ts';
import { waits, type ClientStep } from './step.ts';

/** Larger bodies of requests that need no look inside flow through instead of being held. */
const streamAboveBytes = 256 * 1024;

/** Pickers look at the body: it is held, and scanned where a model API may be called. */
export const holdForPicker: ClientStep = (request) => {
  const { exchange, api } = request;
  if (request.body === undefined && !exchange.hasBody) return undefined;
  if (!request.holdBody(api === undefined ? {} : { scan: new JsonScan() })) return waits;
  if (request.body instanceof BufferedBody) request.model ??= modelIn(request.body);
  return undefined;
};

/** A small body is held, so that the request can be sent again. */
export const holdOrStream: ClientStep = (request) => {
  const { body, exchange } = request;
  const { hasBody, contentLength } = exchange;
  if (body === undefined) {
    if (!hasBody) return undefined;
    if (contentLength === undefined || contentLength > streamAboveBytes) {
      request.streamBody();
      return undefined;
    }
  }
  return request.holdBody({}) ? undefined : waits;
};

/** The model in a body that need not have one. */
function modelIn(body: BufferedBody): string | undefined {
  if (body.scan?.complete !== true) return undefined;
  const read = readLlmBody(body.bytes(), body.scan);
  return 'error' in read || read.model === '' ? undefined : read.model;
}
