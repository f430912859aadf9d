/** Answers the gateway gives instead of a model server, in the shape of aigateway.md 3.6. */

const errorTypes: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  422: 'UnprocessableEntity',
  500: 'InternalServerError',
  502: 'BadGateway',
  503: 'ServiceUnavailable',
  504: 'GatewayTimeout',
};

/** `{"type":"error","error":{"type":"<T>","code":"<status>","message":"<M>"}}`; the order of the keys is part of the contract. */
export function errorBody(status: number, message: string): string {
  const type = errorTypes[status] ?? 'Error';
  return JSON.stringify({ type: 'error', error: { type, code: String(status), message } });
}

/** Message of the 400 for a body that is no JSON object; `errorPath` as in the endpoint table. */
export function malformedRequest(errorPath: string, detail: string): string {
  return `malformed request: failed to parse JSON for ${errorPath}: ${detail}`;
}

export function invalidRequestBody(detail: string): string {
  return `invalid request body: ${detail}`;
}

/** An error event for a stream of server-sent events whose head has already been sent (design section 6). */
export function errorEvent(status: number, message: string): string {
  return `data: ${errorBody(status, message)}\n\n`;
}
