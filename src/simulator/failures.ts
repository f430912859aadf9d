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

/** Failures below HTTP, which only happen when they are named: to a client they are not errors but trouble. */
export const troubles = ['connection_reset', 'hang', 'stream_cut', 'slow_drain'] as const;
export type Trouble = (typeof troubles)[number];

/** A status with its message, or a way to misbehave. */
export type Failure = { status: number; message: string } | { trouble: Trouble };

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
export function drawFailure(
  rate: number,
  types: readonly (FailureType | Trouble)[],
  random: Random,
): Failure | undefined {
  const [first, ...others] = types;
  if (rate <= 0 || first === undefined || random.next() * 100 >= rate) return undefined;
  const drawn = random.pick([first, ...others]);
  return isTrouble(drawn) ? { trouble: drawn } : failures[drawn];
}

const isTrouble = (name: string): name is Trouble => troubles.some((trouble) => trouble === name);

/** What a request's `X-Return-Error` header asks for: a status, or a trouble by name; 'invalid' when it is neither. */
export function requestedFailure(header: string | undefined): Failure | 'invalid' | undefined {
  if (header === undefined) return undefined;
  if (isTrouble(header)) return { trouble: header };
  const status = Number(header);
  if (!Number.isInteger(status) || status < 400 || status > 599) return 'invalid';
  return { status, message: `Error ${header} was asked for by the header X-Return-Error` };
}
