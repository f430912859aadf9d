import type { UpstreamStep } from './attempt.ts';

/** A body that flows keeps the length that the client has declared. */
export const declareLength: UpstreamStep = (send) => (attempt) => {
  const { request, client } = attempt;
  const { contentLength } = client.exchange;
  if (request.body !== undefined && !Buffer.isBuffer(request.body) && contentLength !== undefined) {
    request.headers.push('content-length', String(contentLength));
  }
  send(attempt);
};
