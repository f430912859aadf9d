/** Takes a request's body from the client within the limits of its Gateway and of the process. */
import { answer, type Answer } from './answers.ts';
import type { GatewayRequest } from './request.ts';
import { BufferedBody } from './requestbody.ts';

/** An answer: the request goes no further. */
export function takeBodyChunk(request: GatewayRequest, chunk: Buffer): Answer | undefined {
  const { body, exchange, context, served } = request;
  if (body === undefined) return undefined;
  const { metrics, maxBufferedBytes } = context;
  const limit = served.gateway?.bodyLimitBytes ?? 0;
  if (body.size + chunk.length > limit) return answer('body_too_large', { limit });
  if (!(body instanceof BufferedBody)) {
    body.size += chunk.length;
    if (!body.push(chunk)) exchange.pauseBody();
  } else if (metrics.bufferedBytes + chunk.length > maxBufferedBytes) {
    return answer('bodies_too_many', { limit: maxBufferedBytes });
  } else {
    metrics.bufferedBytes += chunk.length;
    body.push(chunk);
  }
  return undefined;
}

/** Gives back what the body holds. */
export function dropBody({ body, context }: GatewayRequest): void {
  if (body instanceof BufferedBody) context.metrics.bufferedBytes -= body.size;
  else body?.destroy();
}
