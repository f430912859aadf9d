import type { Random } from './random.ts';

/** Failures that the simulator makes up, by rate or because a request asks for one (epp.md 9.1). */

export const failureTypes = [
  'rate_limit',
  'invalid_api_key',
  'context_length',
  'server_error',
  'invalid_request',
  'model_not_found',
] as const;
export type FailureType = (typeof failureTypes)[number];

export interface Failure {
  status: number;
  message: string;
}

const failures: Readonly<Record<FailureType, Failure>> = {
  rate_limit: { status: 429, message: 'Rate limit reached (failure injected by the simulator)' },
  invalid_api_key: { status: 401, message: 'Incorrect API key provided (failure injected by the simulator)' },
  context_length: {
    status: 400,
    message: "This model's maximum context length was exceeded (failure injected by the simulator)",
  },
  server_error: { status: 503, message: 'The server is overloaded (failure injected by the simulator)' },
  invalid_request: { status: 400, message: 'Invalid request (failure injected by the simulator)' },
  model_not_found: { status: 404, message: 'The model does not exist (failure injected by the simulator)' },
};

/** Draws whether this request fails. `rate` is a percentage. */
export function drawFailure(rate: number, types: readonly FailureType[], random: Random): Failure | undefined {
  const [first, ...others] = types;
  if (rate <= 0 || first === undefined || random.next() * 100 >= rate) return undefined;
  return failures[random.pick([first, ...others])];
}

/** The failure that a request's `X-Return-Error: STATUS` header asks for; 'invalid' when the value is not an error status. */
export function requestedFailure(header: string | undefined): Failure | 'invalid' | undefined {
  if (header === undefined) return undefined;
  const status = Number(header);
  if (!Number.isInteger(status) || status < 400 || status > 599) return 'invalid';
  return { status, message: `Error ${header} was asked for by the header X-Return-Error` };
}
