/**
 * Which headers pass through a proxy and which do not. Lists are flat (`name, value, name, value`) with lower-case names,
 * the form undici and node:http take without copying.
 */
import { randomUUID } from 'node:crypto';
import type { Exchange } from './exchange.ts';
import { connectionHeaders } from './transport.ts';

/**
 * Never taken from clients: the gateway sets them or they steer what only the gateway may decide (aigateway.md 3.8, epp.md 2.5).
 * Those of these prefixes, too.
 */
const internal = [
  'x-gateway-destination-endpoint',
  'x-gateway-destination-endpoint-subset',
  'x-gateway-destination-endpoint-served',
  'x-headgate-debug',
];

const internalPrefixes = ['x-ai-eg-', 'x-envoy-'];

/** Made anew from what this hop knows. */
const remade = ['host', 'content-length', 'expect', 'x-forwarded-for', 'x-forwarded-proto'];

const droppedFromRequests = new Set([...connectionHeaders, ...internal, ...remade]);

/** Lower-case form by the spelling that clients use; empty for headers that are not forwarded. Bounded, as clients choose the names. */
const forwardedNames = new Map<string, string>();
const maxForwardedNames = 2048;

function forwardedName(raw: string): string {
  const known = forwardedNames.get(raw);
  if (known !== undefined) return known;
  const name = raw.toLowerCase();
  const result = isInternalHeader(name) ? '' : name;
  if (forwardedNames.size < maxForwardedNames) forwardedNames.set(raw, result);
  return result;
}

/** Headers of one hop or of the gateway's own: nobody else sets them. */
export function isInternalHeader(name: string): boolean {
  return droppedFromRequests.has(name) || internalPrefixes.some((prefix) => name.startsWith(prefix));
}

/** The client's headers as they go upstream, with `x-forwarded-*` of this hop, and an id by which logs find the request. */
export function forwardedHeaders(exchange: Exchange): string[] {
  const { rawHeaders } = exchange;
  const headers: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = forwardedName(rawHeaders[at] ?? '');
    if (name !== '') headers.push(name, rawHeaders[at + 1] ?? '');
  }
  dropNamedByConnection(headers, exchange.header('connection'));
  const earlier = exchange.header('x-forwarded-for');
  const address = exchange.remoteAddress;
  headers.push('x-forwarded-for', earlier === undefined ? address : `${earlier}, ${address}`);
  headers.push('x-forwarded-proto', exchange.scheme);
  if (exchange.header('x-request-id') === undefined) headers.push('x-request-id', randomUUID());
  return headers;
}

function dropNamedByConnection(headers: string[], connection: string | undefined): void {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return;
  for (const name of connection.split(',')) removeHeader(headers, name.trim().toLowerCase());
}

/** The first value of a header. */
export function headerOf(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return headers[at + 1];
  return undefined;
}

export function removeHeader(headers: string[], name: string): void {
  for (let at = headers.length - 2; at >= 0; at -= 2) {
    if (headers[at] === name) headers.splice(at, 2);
  }
}

/** Replaces all values of a header. */
export function setHeader(headers: string[], name: string, value: string): void {
  removeHeader(headers, name);
  headers.push(name, value);
}

export interface HeaderModifier {
  readonly set: readonly { readonly name: string; readonly value: string }[];
  readonly add?: readonly { readonly name: string; readonly value: string }[];
  readonly remove: readonly string[];
}

/** gatewayapi.md 8.1: one action per name, so the order matters only for mutations, which remove first (aigateway.md 3.3). */
export function modifyHeaders(headers: string[], modifier: HeaderModifier): void {
  for (const name of modifier.remove) removeHeader(headers, name.toLowerCase());
  for (const { name, value } of modifier.set) setHeader(headers, name.toLowerCase(), value);
  for (const { name, value } of modifier.add ?? []) headers.push(name.toLowerCase(), value);
}
