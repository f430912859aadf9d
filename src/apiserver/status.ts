import type { FieldError } from '../kinds/fielderror.ts';
import { qualifiedResource, type Kind } from '../kinds/kind.ts';

export {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  shown,
  type FieldError,
} from '../kinds/fielderror.ts';

/** An answer other than success: what a client gets as `metav1.Status`. The texts are kube-apiserver's. */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  /** With a 410 to a list: how to go on with what is there now. */
  readonly continueToken: string | undefined;

  constructor(code: number, reason: string, message: string, details?: StatusDetails, continueToken?: string) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.reason = reason;
    this.details = details;
    this.continueToken = continueToken;
  }
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

export interface StatusCause {
  reason: string;
  message: string;
  field?: string;
}

export function statusOf(error: ApiError): Record<string, unknown> {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: error.continueToken === undefined ? {} : { continue: error.continueToken },
    status: 'Failure',
    message: error.message,
    reason: error.reason,
    // Clients written in Go look into the details without asking whether there are any.
    details: error.details ?? {},
    code: error.code,
  };
}

function about(kind: Kind, name: string): StatusDetails {
  return { name, ...(kind.group !== '' && { group: kind.group }), kind: kind.plural };
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

export function notFound(kind: Kind, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${qualifiedResource(kind)} "${name}" not found`, about(kind, name));
}

/** The path names nothing that is served. */
export function noSuchPath(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource');
}

export function alreadyExists(kind: Kind, name: string): ApiError {
  return new ApiError(409, 'AlreadyExists', `${qualifiedResource(kind)} "${name}" already exists`, about(kind, name));
}

export function conflict(kind: Kind, name: string, why?: string): ApiError {
  const text = why ?? 'the object has been modified; please apply your changes to the latest version and try again';
  return new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualifiedResource(kind)} "${name}": ${text}`,
    about(kind, name),
  );
}

export function forbidden(kind: Kind, name: string, why: string, causes?: StatusCause[]): ApiError {
  const details = { ...about(kind, name), ...(causes !== undefined && { causes }) };
  return new ApiError(403, 'Forbidden', `${qualifiedResource(kind)} "${name}" is forbidden: ${why}`, details);
}

/** 422: `<Kind>.<group> "name" is invalid: field: message`. */
export function invalid(kind: Pick<Kind, 'group' | 'kind'>, name: string, errors: readonly FieldError[]): ApiError {
  const texts = [...new Set(errors.map(({ field, message }) => `${field}: ${message}`))];
  const qualified = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  const body = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return new ApiError(422, 'Invalid', `${qualified} "${name}" is invalid: ${body}`, {
    ...(name !== '' && { name }),
    ...(kind.group !== '' && { group: kind.group }),
    kind: kind.kind,
    causes: errors.map(({ reason, field, message }) => ({ reason, message, field })),
  });
}

/** 422 about query parameters, which Kubernetes decodes into an options type. */
export function invalidOptions(options: string, errors: readonly FieldError[]): ApiError {
  return invalid({ group: 'meta.k8s.io', kind: options }, '', errors);
}

export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', message);
}

export function methodNotAllowed(): ApiError {
  return new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

export function notAcceptable(types: readonly string[]): ApiError {
  const message = `only the following media types are accepted: ${types.join(', ')}`;
  return new ApiError(406, 'NotAcceptable', message);
}

export function unsupportedMediaType(message: string): ApiError {
  return new ApiError(415, 'UnsupportedMediaType', message);
}
