import { headerText } from '../../../routes/headertext.ts';
import { modelHeaders } from '../../../routes/table.ts';
import { forwardedHeaders, removeHeader, setHeader } from '../../headers.ts';
import { BufferedBody } from '../../requestbody.ts';
import type { ClientStep } from './step.ts';

/** Makes what goes on out of what came: the client's headers without those of one hop, and those that name the model. */
export const prepareOutgoing: ClientStep = (request) => {
  const { exchange, model, path, rule, body } = request;
  const headers = forwardedHeaders(exchange);
  if (model !== undefined) {
    const value = headerText(model);
    for (const name of modelHeaders) setHeader(headers, name, value);
  }
  // The bytes that go on are decoded.
  if (body instanceof BufferedBody && body.encoding !== undefined && body.broken === undefined) {
    removeHeader(headers, 'content-encoding');
  }
  if (rule?.kind === 'llm') headers.push('x-ai-eg-original-path', path, 'x-envoy-original-path', path);
  request.outgoing = { headers, path, search: exchange.search, host: exchange.authority, backendHost: false };
  return undefined;
};
