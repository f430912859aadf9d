/** A world for credentials: a clock that stands until it is moved, Secrets in memory, token servers that check what they are sent. */
import { generateKeyPairSync } from 'node:crypto';
import { decodeJwt, jwtVerify, importSPKI } from 'jose';
import type { OutgoingRequest } from '../../src/credentials/authorize.ts';
import type { Credential, CredentialSource, OidcExchange } from '../../src/credentials/credential.ts';
import type { Clock, CredentialEnvironment, TokenRequest, TokenResponse } from '../../src/credentials/environment.ts';
import { secretReader, type SecretObject } from '../../src/credentials/secretreader.ts';

export class VirtualClock implements Clock {
  #now = Date.parse('2026-03-01T12:00:00Z');
  readonly #timers = new Map<() => void, number>();

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = (): void => {
      callback();
    };
    this.#timers.set(timer, this.#now + ms);
    return () => {
      this.#timers.delete(timer);
    };
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on, firing what becomes due, and lets everything run that this sets off. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, at]) => at <= end).sort((a, b) => a[1] - b[1])[0];
      if (due === undefined) break;
      this.#now = Math.max(this.#now, due[1]);
      this.#timers.delete(due[0]);
      due[0]();
      await settled();
    }
    this.#now = end;
    await settled();
  }
}

/** Everything that can go on without the clock or the network has gone on. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

export const issuer = 'https://issuer.example.com/realms/one';

export const keyPair = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

type Answer = TokenResponse | Promise<TokenResponse>;

/** Everything secret in this world begins with it: where it must not be seen is found by it. */
export const planted = 'PLANTED';

/**
 * Fake Entra, STS, Google, OIDC provider and metadata servers. They answer only requests that are right in every field, with tokens that
 * are counted: `token-1`, `token-2`.
 */
export class TokenServers {
  readonly requests: TokenRequest[] = [];
  /** What each token of Entra was issued for. */
  readonly issuedFor = new Map<string, string>();
  /** What the servers do in place of answering. */
  mode: 'answer' | 'hang' | 'fail' | 'refuse' = 'answer';
  lifeSeconds = 3600;
  /** The client secrets and keys that are known at the moment. */
  readonly accepted = new Set([`${planted}-client-secret`, `${planted}-oidc-secret`]);
  readonly #clock: VirtualClock;
  readonly #hanging: (() => void)[] = [];
  #issued = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** Exchanges with the host whose name has this in it. */
  count(host: string): number {
    return this.requests.filter(({ url }) => new URL(url).host.includes(host)).length;
  }

  /** Lets those go on that hang. */
  release(): void {
    this.mode = 'answer';
    for (const go of this.#hanging.splice(0)) go();
  }

  async send(request: TokenRequest): Promise<TokenResponse> {
    this.requests.push(request);
    if (this.mode === 'hang') {
      await new Promise<void>((resolve, reject) => {
        this.#hanging.push(resolve);
        request.signal.addEventListener('abort', () => {
          reject(new Error('aborted'));
        });
      });
    }
    if (this.mode === 'fail') throw Object.assign(new Error(`connect to ${planted}`), { code: 'ECONNREFUSED' });
    if (this.mode === 'refuse') {
      return json(
        { error: 'invalid_client', error_description: `AADSTS7000215: Invalid client secret ${planted}.` },
        401,
      );
    }
    return this.#answer(request);
  }

  #token(): string {
    this.#issued += 1;
    return `${planted}-token-${this.#issued}`;
  }

  #answer(request: TokenRequest): Answer {
    const { url, body = '' } = request;
    const { host, pathname } = new URL(url);
    const form = new URLSearchParams(body);
    switch (host) {
      case 'issuer.example.com':
        return pathname.endsWith('/.well-known/openid-configuration')
          ? json({ token_endpoint: `${issuer}/token`, scopes_supported: ['openid'] })
          : this.#oidc(request, form);
      case 'login.microsoftonline.com':
        return this.#entra(pathname, form);
      case 'sts.eu-west-1.amazonaws.com':
        return this.#awsSts(form);
      case 'sts.googleapis.com':
        return this.#googleSts(form);
      case 'oauth2.googleapis.com':
        return this.#googleOauth(form);
      case 'iamcredentials.googleapis.com':
        return this.#googleIam(request);
      case 'metadata.google.internal':
        return request.headers['metadata-flavor'] === 'Google' ? this.#oauth() : json({}, 403);
      case '169.254.170.23':
        return request.headers['authorization'] === `${planted}-pod` ? json(this.#keys()) : json({}, 401);
      case '169.254.169.254':
        return this.#instance(request, pathname);
      default:
        throw new Error(`nobody is at ${host}`);
    }
  }

  #oauth(): TokenResponse {
    return json({ access_token: this.#token(), expires_in: this.lifeSeconds, token_type: 'Bearer' });
  }

  #oidc({ headers }: TokenRequest, form: URLSearchParams): TokenResponse {
    const [id, secret] = Buffer.from((headers['authorization'] ?? '').replace('Basic ', ''), 'base64')
      .toString()
      .split(':');
    if (id !== 'oidc-client' || !this.accepted.has(secret ?? '')) return json({ error: 'invalid_client' }, 401);
    if (form.get('grant_type') !== 'client_credentials') return json({ error: 'unsupported_grant_type' }, 400);
    if (form.get('scope') !== 'api openid') return json({ error: 'invalid_scope' }, 400);
    return json({ access_token: `${planted}-jwt`, expires_in: 300 });
  }

  #entra(pathname: string, form: URLSearchParams): TokenResponse {
    const known = form.get('client_secret');
    const proven =
      known !== null
        ? this.accepted.has(known)
        : form.get('client_assertion') === `${planted}-jwt` &&
          form.get('client_assertion_type') === 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    const right =
      pathname === '/tenant-1/oauth2/v2.0/token' &&
      form.get('client_id') === 'app-1' &&
      form.get('grant_type') === 'client_credentials' &&
      form.get('scope') === 'https://cognitiveservices.azure.com/.default';
    if (!right) return json({ error: 'invalid_request' }, 400);
    if (!proven) return json({ error: 'invalid_client', error_description: 'AADSTS7000215: no' }, 401);
    const token = this.#oauth();
    this.issuedFor.set(`${planted}-token-${this.#issued}`, known ?? '');
    return token;
  }

  #awsSts(form: URLSearchParams): TokenResponse {
    const right =
      form.get('Action') === 'AssumeRoleWithWebIdentity' &&
      form.get('RoleArn') === 'arn:aws:iam::1:role/bedrock' &&
      form.get('RoleSessionName') === 'ai-gateway-policy' &&
      form.get('WebIdentityToken') === `${planted}-jwt`;
    if (!right)
      return {
        status: 400,
        headers: {},
        body: '<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>',
      };
    const { AccessKeyId, SecretAccessKey, Token, Expiration } = this.#keys();
    return {
      status: 200,
      headers: {},
      body: `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>${AccessKeyId}</AccessKeyId>
        <SecretAccessKey>${SecretAccessKey}</SecretAccessKey><SessionToken>${Token}</SessionToken>
        <Expiration>${Expiration}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
    };
  }

  #keys() {
    return {
      AccessKeyId: 'AKIDTEMPORARY',
      SecretAccessKey: `${planted}-temporary-key`,
      Token: this.#token(),
      Expiration: new Date(this.#clock.now() + this.lifeSeconds * 1000).toISOString(),
    };
  }

  #googleSts(form: URLSearchParams): TokenResponse {
    const right =
      form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:token-exchange' &&
      form.get('audience') ===
        '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider' &&
      form.get('subject_token') === `${planted}-jwt` &&
      form.get('subject_token_type') === 'urn:ietf:params:oauth:token-type:jwt' &&
      form.get('scope') === 'https://www.googleapis.com/auth/cloud-platform';
    return right ? this.#oauth() : json({ error: 'invalid_grant' }, 400);
  }

  async #googleOauth(form: URLSearchParams): Promise<TokenResponse> {
    if (form.get('grant_type') === 'refresh_token') {
      return form.get('refresh_token') === `${planted}-refresh` ? this.#oauth() : json({ error: 'invalid_grant' }, 400);
    }
    const assertion = form.get('assertion') ?? '';
    const key = await importSPKI(keyPair.publicKey, 'RS256');
    const options = {
      audience: 'https://oauth2.googleapis.com/token',
      issuer: 'robot@example.com',
      currentDate: new Date(this.#clock.now()),
    };
    await jwtVerify(assertion, key, options);
    return decodeJwt(assertion)['scope'] === 'https://www.googleapis.com/auth/cloud-platform'
      ? this.#oauth()
      : json({ error: 'invalid_scope' }, 400);
  }

  #googleIam({ url, headers }: TokenRequest): TokenResponse {
    const right =
      url.endsWith('/v1/projects/-/serviceAccounts/robot%40example.iam.gserviceaccount.com:generateAccessToken') &&
      headers['authorization'] === `Bearer ${planted}-token-1`;
    const expireTime = new Date(this.#clock.now() + this.lifeSeconds * 1000).toISOString();
    return right
      ? json({ accessToken: this.#token(), expireTime })
      : json({ error: { status: 'PERMISSION_DENIED' } }, 403);
  }

  #instance({ method, headers }: TokenRequest, pathname: string): TokenResponse {
    if (pathname === '/latest/api/token') return { status: method === 'PUT' ? 200 : 405, headers: {}, body: 'session' };
    if (headers['x-aws-ec2-metadata-token'] !== 'session') return json({}, 401);
    const list = '/latest/meta-data/iam/security-credentials/';
    if (pathname === list) return { status: 200, headers: {}, body: 'node-role\n' };
    return pathname === `${list}node-role` ? json(this.#keys()) : json({}, 404);
  }
}

function json(value: unknown, status = 200): TokenResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

export interface World extends CredentialEnvironment {
  readonly clock: VirtualClock;
  readonly http: TokenServers;
  readonly variables: Record<string, string>;
  readonly files: Map<string, string>;
  /** Writes a Secret, or takes it away. */
  putSecret(name: string, entries: Readonly<Record<string, string>> | undefined): void;
}

export function createWorld(): World {
  const clock = new VirtualClock();
  const objects = new Map<string, SecretObject>();
  const files = new Map<string, string>();
  const world: World = {
    clock,
    http: new TokenServers(clock),
    variables: {},
    files,
    secrets: secretReader(({ namespace, name }) => objects.get(`${namespace}/${name}`)),
    readFile: (path) => {
      const text = files.get(path);
      return text === undefined ? Promise.reject(new Error('ENOENT')) : Promise.resolve(text);
    },
    homeDirectory: '/home/user',
    random: () => 0.5,
    putSecret: (name, entries) => {
      if (entries === undefined) objects.delete(`default/${name}`);
      else {
        const data = Object.entries(entries).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
        objects.set(`default/${name}`, { data: Object.fromEntries(data) as Record<string, string> });
      }
    },
  };
  world.putSecret('azure', { 'client-secret': `${planted}-client-secret` });
  world.putSecret('oidc', { 'client-secret': `${planted}-oidc-secret` });
  return world;
}

export const secretKey = (name: string, key: string) => ({ namespace: 'default', name, key });

export const exchange: OidcExchange = {
  issuer,
  clientId: 'oidc-client',
  clientSecret: secretKey('oidc', 'client-secret'),
  scopes: ['api'],
  grantType: 'client_credentials',
};

export const azure: CredentialSource = {
  type: 'AzureCredentials',
  source: {
    type: 'clientSecret',
    tenantId: 'tenant-1',
    clientId: 'app-1',
    secret: secretKey('azure', 'client-secret'),
  },
};

export function credentialOf(source: CredentialSource, override?: Credential['override']): Credential {
  return { ...source, policy: 'default/policy', audience: 'backend/default/b', ...(override && { override }) };
}

export function requestTo(more: Partial<OutgoingRequest> & { headers?: Record<string, string> } = {}): OutgoingRequest {
  const { headers = {}, ...rest } = more;
  return {
    method: 'POST',
    target: 'backend/default/b',
    host: 'backend.example.com',
    path: '/v1/chat/completions',
    body: Buffer.from('{}'),
    clientHeader: (name) => headers[name],
    ...rest,
  };
}
