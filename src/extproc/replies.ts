/** The answers of our ext_proc servers, ready to be sent. */
import type { HeaderMutation, Phase, SetHeader } from '../envoy/extproc.ts';
import { writeBodyChunks, writeProcessingResponse } from '../envoy/extprocwrite.ts';
import { droppedReasonHeader } from './protocol.ts';

/** Body bytes per streamed reply: what proxies accept at least is 64 KiB with everything around it (epp.md 3.4). */
const maxChunkBytes = 62_000;

/** Messages that change nothing, by type and phase. */
const nothing = {
  headers: { request: empty('headers', 'request'), response: empty('headers', 'response') },
  body: { request: empty('body', 'request'), response: empty('body', 'response') },
  trailers: { request: empty('trailers', 'request'), response: empty('trailers', 'response') },
};

function empty(type: 'headers' | 'body' | 'trailers', phase: Phase): readonly Buffer[] {
  return writeProcessingResponse({ type, phase });
}

/** Goes on without a change. */
export function unchanged(type: 'headers' | 'body' | 'trailers', phase: Phase): readonly Buffer[] {
  return nothing[type][phase];
}

/** A body in streamed replies (FULL_DUPLEX_STREAMED). */
export function streamedBody(phase: Phase, pieces: readonly Buffer[], endOfStream: boolean): readonly Buffer[] {
  return writeBodyChunks(phase, pieces, { maxBytes: maxChunkBytes, endOfStream });
}

/** The codes of epp.md 3.5 that reach the client as HTTP statuses. */
const statuses = {
  BadRequest: 400,
  ContentTooLarge: 413,
  ResourceExhausted: 429,
  Internal: 500,
  ServiceUnavailable: 503,
} as const;

export type ErrorCode = keyof typeof statuses;

/** Ends the exchange with an error for the client; `reason` tells machines why a request was dropped. */
export function refusal(code: ErrorCode, message: string, reason?: string): readonly Buffer[] {
  const set: SetHeader[] = [{ name: 'content-type', value: 'text/plain' }];
  if (reason !== undefined) set.push({ name: droppedReasonHeader, value: reason });
  const headers: HeaderMutation = { set };
  return writeProcessingResponse({
    type: 'immediate',
    response: { status: statuses[code], headers, body: `inference error: ${code} - ${message}`, details: 'epp' },
  });
}
