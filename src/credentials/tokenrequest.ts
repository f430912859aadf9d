import { matches } from '../kinds/check.ts';
import { Type, type Static, type TSchema } from '../kinds/type.ts';
import { CredentialError, type CredentialEnvironment, type TokenRequest, type TokenResponse } from './environment.ts';

/** What of the world an exchange of tokens needs. */
export type Exchanging = Pick<CredentialEnvironment, 'http' | 'clock' | 'variables'>;

export interface Ask extends Omit<TokenRequest, 'body' | 'headers' | 'method'> {
  /** For messages: `AWS STS`. */
  readonly who: string;
  readonly method?: TokenRequest['method'];
  readonly headers?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
  readonly json?: unknown;
}

/**
 * The answer of a token server, when it is a good one.
 *
 * @throws CredentialError: 500 for an answer of 4xx, 503 for anything that may pass. It holds nothing of the answer but error codes.
 */
export async function ask(http: CredentialEnvironment['http'], request: Ask): Promise<TokenResponse> {
  const { who, url, form, json, headers = {}, signal, proxy } = request;
  const body = form === undefined ? json && JSON.stringify(json) : new URLSearchParams(form).toString();
  const contentType = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
  let response: TokenResponse;
  try {
    response = await http.send({
      url,
      method: request.method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': contentType }),
        ...headers,
      },
      ...(typeof body === 'string' ? { body } : {}),
      ...(proxy === undefined ? {} : { proxy }),
      signal,
    });
  } catch (error) {
    if (error instanceof CredentialError) throw error;
    throw new CredentialError(503, `${who} (${hostOf(url)}) cannot be reached: ${codeOf(error)}`);
  }
  if (response.status >= 200 && response.status < 300) return response;
  const status = response.status >= 500 || response.status === 429 || response.status < 400 ? 503 : 500;
  const why = errorCodes(response.body);
  throw new CredentialError(
    status,
    `${who} (${hostOf(url)}) answered ${response.status}${why === '' ? '' : `: ${why}`}`,
  );
}

/** The same, of an answer in JSON that has this shape. */
export async function askJson<S extends TSchema>(
  http: CredentialEnvironment['http'],
  schema: S,
  request: Ask,
): Promise<Static<S>> {
  const { body } = await ask(http, request);
  return parseJson(schema, body, `${request.who} (${hostOf(request.url)})`);
}

/** @throws CredentialError that says who sent it and nothing of what was sent */
export function parseJson<S extends TSchema>(schema: S, text: string, from: string): Static<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new CredentialError(503, `${from}: not JSON`);
  }
  if (!matches(schema, value)) throw new CredentialError(503, `${from}: not what was expected`);
  return value;
}

/** An OAuth token answer (RFC 6749 5.1). */
export const oauthToken = Type.Object({
  access_token: Type.String({ minLength: 1 }),
  expires_in: Type.Optional(Type.Union([Type.Number(), Type.String({ pattern: '^[0-9]+$' })])),
});

/** When a token of this life expires; a life that is not told is an hour. */
export function expiryOf(now: number, expiresIn: number | string | undefined): number {
  return now + Number(expiresIn ?? 3600) * 1000;
}

/**
 * Where credentials may be sent: over TLS, or to this machine.
 *
 * @throws CredentialError
 */
export function checkedUrl(url: string, what: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new CredentialError(500, `${what} is not a URL`);
  }
  const { protocol, hostname, username, password } = parsed;
  if (username !== '' || password !== '') throw new CredentialError(500, `${what} must not hold a password`);
  if (protocol === 'https:' || (protocol === 'http:' && isPrivate(hostname))) return url;
  throw new CredentialError(500, `${what} must begin with https://: ${hostname} is on another machine`);
}

/** This machine, or a Service of the cluster (TLS there is often the mesh's). */
const isPrivate = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host) || /\.svc(\.cluster\.local)?$/.test(host);

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : 'an invalid URL');

/** Codes that token servers give: of OAuth, Entra, AWS and Google. Never their texts, which may quote what was sent. */
function errorCodes(body: string): string {
  const found = [
    /"(?:error|status)"\s*:\s*"(?<code>[A-Za-z_]{1,64})"/.exec(body)?.groups?.['code'],
    /\bAADSTS\d{1,8}\b/.exec(body)?.[0],
    /<Code>(?<code>[A-Za-z.]{1,64})<\/Code>/.exec(body)?.groups?.['code'],
    /"Code"\s*:\s*"(?<code>[A-Za-z.]{1,64})"/.exec(body)?.groups?.['code'],
  ];
  return [...new Set(found)].filter((code) => code !== undefined).join(' ');
}

/** Errors of connections by their code: their texts may be long and hold addresses only. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const { cause } = error;
  for (const candidate of [error, cause]) {
    if (candidate instanceof Error && 'code' in candidate && typeof candidate.code === 'string') return candidate.code;
  }
  return error.name;
}
