import type { Authorization, OutgoingRequest } from './authorize.ts';
import type { AwsKeys } from './awsfile.ts';

/** Requests to Bedrock, signed (aigateway.md 5.6). */

const bedrock = /^bedrock-runtime(?:-fips)?\.(?<region>[a-z0-9-]+)\.(?:amazonaws\.com|vpce\.amazonaws\.com|api\.aws)$/;
const privateLink = /\.bedrock-runtime(?:-fips)?\.(?<region>[a-z0-9-]+)\.vpce\.amazonaws\.com$/;

/** Of a host that is an endpoint of Bedrock (VPC, FIPS and dual-stack ones too). */
export function regionOf(host: string): string | undefined {
  const name = host.replace(/:\d+$/, '');
  return (bedrock.exec(name) ?? privateLink.exec(name))?.groups?.['region'];
}

/** Headers that would contradict the signature. */
const removed = [
  'authorization',
  'x-amz-date',
  'x-amz-content-sha256',
  'x-amz-security-token',
  'x-ai-eg-upstream-host',
];

/**
 * Signs for the backend's own host, never for one that the client named; the path as it is sent and the final body.
 */
export async function signed(
  request: OutgoingRequest,
  keys: AwsKeys,
  configuredRegion: string,
  atMs: number,
): Promise<Authorization> {
  if (request.body === 'streamed') {
    return { refused: 500, message: 'a request to AWS is signed with its whole body: this one is streamed' };
  }
  // Loaded by whoever has such a backend.
  const { sign } = await import('./sigv4.ts');
  const host = request.host ?? `bedrock-runtime.${configuredRegion}.amazonaws.com`;
  const headers = await sign(
    { method: request.method, host, path: request.path, body: request.body },
    { keys, region: regionOf(host) ?? configuredRegion, service: 'bedrock', atMs },
  );
  return { remove: removed, set: Object.entries(headers).map(([name, value]) => ({ name, value })), host };
}
