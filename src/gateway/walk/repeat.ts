/** What may be sent again after an attempt failed: one rule for the whole gateway. */
import type { GatewayRequest } from '../request.ts';
import { BufferedBody } from '../requestbody.ts';
import type { TransportFailure } from '../transport.ts';

/** A request that brings servers down is not carried through the whole fleet. */
const maxRepeats = 2;
/** Repeating them does no harm (RFC 9110 9.2.2). */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/**
 * Whether a request whose answer has not begun may be sent once more: when no byte of it was sent; else when its body is still there
 * and the method is idempotent, or it calls a model API that stores nothing, where a second try costs time and nothing else.
 * `repeats`: how often it was sent again already.
 */
export function mayRepeat(request: GatewayRequest, { sent }: TransportFailure, repeats: number): boolean {
  const { body, method } = request;
  const kept = body === undefined || body instanceof BufferedBody;
  if (!sent) return kept || !body.readableDidRead;
  return kept && repeats < maxRepeats && (idempotent.has(method) || storesNothing(request));
}

function storesNothing({ api, body }: GatewayRequest): boolean {
  if (api === undefined || api.model === 'none') return false;
  return api.stores !== true || (body instanceof BufferedBody && saysNotToStore(body));
}

/** `store` of the Responses API is true unless the client says otherwise; what runs in the background is stored. */
function saysNotToStore(body: BufferedBody): boolean {
  const { scan } = body;
  if (scan?.complete !== true) return false;
  const bytes = body.bytes();
  const members = new Map<string, string>();
  for (let at = 0; at + 3 < scan.members.length; at += 4) {
    const [keyStart, keyEnd, from, to] = scan.members.slice(at, at + 4);
    members.set(bytes.toString('utf8', keyStart, keyEnd), bytes.toString('latin1', from, to));
  }
  return members.get('"store"') === 'false' && (members.get('"background"') ?? 'false') === 'false';
}
