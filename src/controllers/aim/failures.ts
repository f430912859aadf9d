import { KubeError } from '../../kube/client.ts';

/** What went wrong, in the categories that decide states and retries (aim.md 3.4). */
export type Category =
  | 'MissingUpstream'
  | 'MissingDownstream'
  | 'Auth'
  | 'InvalidSpec'
  | 'ResourceExhaustion'
  | 'Infrastructure'
  | 'Unknown';

export interface Failure {
  readonly category: Category;
  readonly reason: string;
  readonly message: string;
}

/** Codes of node:net and undici, and what they are called in conditions. */
const networkReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'ConnectionRefused',
  ETIMEDOUT: 'NetworkTimeout',
  UND_ERR_CONNECT_TIMEOUT: 'NetworkTimeout',
  UND_ERR_HEADERS_TIMEOUT: 'NetworkTimeout',
  UND_ERR_BODY_TIMEOUT: 'NetworkTimeout',
  ECONNRESET: 'ConnectionReset',
  EPIPE: 'ConnectionReset',
  UND_ERR_SOCKET: 'ConnectionReset',
  ENOTFOUND: 'DNSFailure',
  EAI_AGAIN: 'DNSFailure',
  EHOSTUNREACH: 'NetworkError',
  ENETUNREACH: 'NetworkError',
};

/** Puts whatever was thrown into its category. */
export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof KubeError) return { ...apiFailure(error), message };
  const reason = networkReason(error);
  if (reason !== undefined) return { category: 'Infrastructure', reason, message };
  return { category: 'Unknown', reason: 'UnknownError', message };
}

function apiFailure({ code, reason }: KubeError): Pick<Failure, 'category' | 'reason'> {
  switch (code) {
    case 401:
      return { category: 'Auth', reason: 'Unauthorized' };
    case 403:
      return { category: 'Auth', reason: 'Forbidden' };
    case 404:
      return { category: 'MissingDownstream', reason: 'NotFound' };
    case 408:
    case 504:
      return { category: 'Infrastructure', reason: 'Timeout' };
    case 409:
      if (reason === 'AlreadyExists') return { category: 'InvalidSpec', reason: 'AlreadyExists' };
      return { category: 'Infrastructure', reason: 'Conflict' };
    case 422:
      return { category: 'InvalidSpec', reason: 'Invalid' };
    case 429:
      return { category: 'Infrastructure', reason: 'RateLimited' };
    case 503:
      return { category: 'Infrastructure', reason: 'ServiceUnavailable' };
    default:
      return code >= 500
        ? { category: 'Infrastructure', reason: 'ServerError' }
        : { category: 'InvalidSpec', reason: 'ClientError' };
  }
}

function networkReason(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === 'TimeoutError') return 'NetworkTimeout';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const known = code === undefined ? undefined : networkReasons[code];
  return known ?? networkReason(error.cause);
}

/** An object that must exist before this one can work does not: an error that its creator resolves. */
export function missingUpstream(message: string, reason = 'ReferenceNotFound'): Failure {
  return { category: 'MissingUpstream', reason, message };
}

export function invalidSpec(reason: string, message: string): Failure {
  return { category: 'InvalidSpec', reason, message };
}
