/** The Endpoint Picker Protocol: what a proxy and its picker tell each other by headers and metadata (epp.md 2). */
import { filterMetadata } from '../envoy/extprocread.ts';
import type { StructObject, StructValue } from '../wire/struct.ts';

export const destinationHeader = 'x-gateway-destination-endpoint';
export const droppedReasonHeader = 'x-llm-d-request-dropped-reason';

const loadBalancing = 'envoy.lb';
const subsetHint = 'envoy.lb.subset_hint';
const subsetKey = 'x-gateway-destination-endpoint-subset';
const servedKey = 'x-gateway-destination-endpoint-served';

/** The dynamic metadata that says the same as the destination header (epp.md 2.2). */
export function destinationMetadata(destination: string): StructObject {
  return { [loadBalancing]: { [destinationHeader]: destination } };
}

/**
 * The endpoints a proxy limits the choice to (epp.md 2.1): a list, or text with commas between them. undefined: no hint.
 * @throws ProtobufError
 */
export function readSubsetHint(metadataContext: Buffer | undefined): readonly string[] | undefined {
  const value = filterMetadata(metadataContext, subsetHint)?.[subsetKey];
  if (value === undefined || value === null) return undefined;
  return textsOf(value)
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '');
}

/** The endpoint that answered, as the proxy tells on the response path (epp.md 2.3). @throws ProtobufError */
export function readServedEndpoint(metadataContext: Buffer | undefined): string | undefined {
  const value = filterMetadata(metadataContext, loadBalancing)?.[servedKey];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function textsOf(value: StructValue): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
