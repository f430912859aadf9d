import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isRefused, type Authorization } from '../../src/credentials/authorize.ts';
import type { Credential, CredentialSource, GcpSource } from '../../src/credentials/credential.ts';
import { Credentials } from '../../src/credentials/credentials.ts';
import { Redacted } from '../../src/credentials/redacted.ts';
import {
  azure,
  createWorld,
  credentialOf,
  exchange,
  keyPair,
  planted,
  requestTo,
  secretKey,
  settled,
  type World,
} from './world.ts';

async function headersOf(authorization: Authorization | Promise<Authorization>): Promise<Record<string, string>> {
  const found = await authorization;
  if (isRefused(found)) throw new Error(`refused ${found.refused}: ${found.message}`);
  return Object.fromEntries(found.set.map(({ name, value }) => [name, value]));
}

function authorize(world: World, credential: Credential, request = requestTo()) {
  return new Credentials(world).authorizer(credential).authorize(request);
}

const key = (type: 'APIKey' | 'AzureAPIKey' | 'AnthropicAPIKey'): CredentialSource => ({
  type,
  secret: secretKey('k', 'apiKey'),
});
const aws = (
  source: Extract<CredentialSource, { type: 'AWSCredentials' }>['source'],
  region = 'eu-west-1',
): CredentialSource => ({
  type: 'AWSCredentials',
  region,
  source,
});
const awsFile = aws({ type: 'file', secret: secretKey('aws', 'credentials'), profile: 'default' });
const gcp = (source: GcpSource): CredentialSource => ({
  type: 'GCPCredentials',
  project: 'p1',
  region: 'us-central1',
  source,
});
const federation = {
  type: 'federation',
  audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider',
  exchange,
} as const;
const serviceAccount = JSON.stringify({
  type: 'service_account',
  client_email: 'robot@example.com',
  private_key: keyPair.privateKey,
});

describe('keys in headers', () => {
  it.each([
    ['APIKey', 'authorization', 'Bearer sk-1'],
    ['AzureAPIKey', 'api-key', 'sk-1'],
    ['AnthropicAPIKey', 'x-api-key', 'sk-1'],
  ] as const)('%s: %s', (type, name, value) => {
    const world = createWorld();
    world.putSecret('k', { apiKey: ' sk-1\n' });
    // At once: no promise on the way of a request.
    expect(authorize(world, credentialOf(key(type)))).toEqual({ remove: [], set: [{ name, value }] });
  });

  it('follows the Secret at once, and says what is wrong with it without its value', () => {
    const world = createWorld();
    const authorizer = new Credentials(world).authorizer(credentialOf(key('APIKey')));
    const refusal = (message: string) => ({
      refused: 500,
      message: `BackendSecurityPolicy default/policy: ${message}`,
    });
    expect(authorizer.authorize(requestTo())).toEqual(refusal('Secret default/k not found'));
    world.putSecret('k', { key: 'x' });
    expect(authorizer.authorize(requestTo())).toEqual(refusal('Secret default/k has no key apiKey'));
    world.putSecret('k', { apiKey: '  ' });
    expect(authorizer.authorize(requestTo())).toEqual(refusal('Secret default/k: key apiKey is empty'));
    world.putSecret('k', { apiKey: `${planted}\r\nx-evil: 1` });
    expect(authorizer.authorize(requestTo())).toEqual(
      refusal('Secret default/k: key apiKey has characters that no header may carry'),
    );
    for (const value of ['one', 'two']) {
      world.putSecret('k', { apiKey: value });
      expect(authorizer.authorize(requestTo())).toMatchObject({ set: [{ value: `Bearer ${value}` }] });
    }
  });

  it('goes to no other backend than the one it is for', () => {
    const world = createWorld();
    world.putSecret('k', { apiKey: planted });
    const answer = authorize(world, credentialOf(key('APIKey')), requestTo({ target: 'backend/default/other' }));
    expect(answer).toEqual({
      refused: 500,
      message:
        'BackendSecurityPolicy default/policy: it is for backend/default/b, and the request goes to backend/default/other',
    });
  });
});

describe('tokens of clouds', () => {
  it.each<[string, CredentialSource, (world: World) => void]>([
    ['Azure, client secret', azure, () => undefined],
    [
      'Azure, federated',
      { type: 'AzureCredentials', source: { type: 'oidc', tenantId: 'tenant-1', clientId: 'app-1', exchange } },
      () => undefined,
    ],
    [
      'Google, service account',
      gcp({ type: 'file', secret: secretKey('gcp', 'service_account.json') }),
      (world) => {
        world.putSecret('gcp', { 'service_account.json': serviceAccount });
      },
    ],
    ['Google, federation', gcp(federation), () => undefined],
    ['Google, metadata server', gcp({ type: 'default' }), () => undefined],
    [
      'Google, file that is named',
      gcp({ type: 'default' }),
      (world) => {
        world.variables['GOOGLE_APPLICATION_CREDENTIALS'] = '/keys/a.json';
        world.files.set('/keys/a.json', serviceAccount);
      },
    ],
    [
      "Google, a user's file that gcloud wrote",
      gcp({ type: 'default' }),
      ({ files }) => {
        const user = {
          type: 'authorized_user',
          client_id: 'c',
          client_secret: planted,
          refresh_token: `${planted}-refresh`,
        };
        files.set('/home/user/.config/gcloud/application_default_credentials.json', JSON.stringify(user));
      },
    ],
    [
      'Google, an external account with a token in a file',
      gcp({ type: 'file', secret: secretKey('gcp', 'service_account.json') }),
      (world) => {
        const account = {
          type: 'external_account',
          audience: federation.audience,
          subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
          credential_source: { file: '/token', format: { type: 'json', subject_token_field_name: 'id' } },
        };
        world.files.set('/token', JSON.stringify({ id: `${planted}-jwt` }));
        world.putSecret('gcp', { 'service_account.json': JSON.stringify(account) });
      },
    ],
  ])('%s', async (_, source, prepare) => {
    const world = createWorld();
    prepare(world);
    expect(await headersOf(authorize(world, credentialOf(source)))).toEqual({
      authorization: `Bearer ${planted}-token-1`,
    });
  });

  it('acts as a service account that is named', async () => {
    const world = createWorld();
    const source = gcp({ ...federation, serviceAccount: 'robot@example.iam.gserviceaccount.com' });
    expect(await headersOf(authorize(world, credentialOf(source)))).toEqual({
      authorization: `Bearer ${planted}-token-2`,
    });
  });

  it('asks Google below its project and region', async () => {
    const world = createWorld();
    const request = requestTo({ path: 'publishers/google/models/gemini-2.5:generateContent?alt=sse' });
    expect(await authorize(world, credentialOf(gcp(federation)), request)).toMatchObject({
      path: '/v1/projects/p1/locations/us-central1/publishers/google/models/gemini-2.5:generateContent?alt=sse',
    });
  });

  it('shares tokens among equal credentials, and keeps them until no table names them', async () => {
    const world = createWorld();
    const credentials = new Credentials(world);
    const two = [credentialOf(azure), { ...credentialOf(azure), policy: 'default/other' }];
    for (const credential of two) await headersOf(credentials.authorizer(credential).authorize(requestTo()));
    credentials.retain(two);
    await headersOf(credentials.authorizer(credentialOf(azure)).authorize(requestTo()));
    expect(world.http.count('microsoftonline')).toBe(1);
    credentials.retain([]);
    await headersOf(credentials.authorizer(credentialOf(azure)).authorize(requestTo()));
    expect(world.http.count('microsoftonline')).toBe(2);
  });

  it('uses no token that was got with the old content of a Secret', async () => {
    const world = createWorld();
    const authorizer = new Credentials(world).authorizer(credentialOf(azure));
    expect(await headersOf(authorizer.authorize(requestTo()))).toEqual({ authorization: `Bearer ${planted}-token-1` });
    // Written again with the same content: no rotation.
    world.putSecret('azure', { 'client-secret': `${planted}-client-secret` });
    expect(authorizer.authorize(requestTo())).not.toBeInstanceOf(Promise);
    world.http.accepted.add(`${planted}-second`);
    world.putSecret('azure', { 'client-secret': `${planted}-second` });
    const inFlight = Array.from({ length: 200 }, async () => headersOf(authorizer.authorize(requestTo())));
    expect(new Set((await Promise.all(inFlight)).map((headers) => headers['authorization']))).toEqual(
      new Set([`Bearer ${planted}-token-2`]),
    );
    expect(world.http.count('microsoftonline')).toBe(2);
    world.putSecret('azure', undefined);
    expect(authorizer.authorize(requestTo())).toMatchObject({ refused: 500 });
  });

  it('loses no request that has a valid token: expiry, rotation and a token server that hangs, at 200 requests/s', async () => {
    const world = createWorld();
    const { http, clock } = world;
    const authorizer = new Credentials(world).authorizer(credentialOf(azure));
    await headersOf(authorizer.authorize(requestTo()));
    let waited = 0;
    const seen = new Set<string>();
    for (let minute = 0; minute < 120; minute += 1) {
      if (minute === 45) http.mode = 'hang';
      if (minute === 55) http.release();
      if (minute === 100) http.mode = 'fail';
      if (minute === 102) http.mode = 'answer';
      for (let i = 0; i < 200; i += 1) {
        const answer = authorizer.authorize(requestTo());
        if (answer instanceof Promise) waited += 1;
        else expect(answer).not.toHaveProperty('refused');
        for (const value of Object.values(await headersOf(answer))) seen.add(value);
      }
      await clock.advance(60_000);
    }
    expect(waited).toBe(0);
    expect(seen.size).toBeGreaterThanOrEqual(3);
  });
});

describe('AWS', () => {
  const ini = (profile: string) =>
    `[${profile}]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = ${planted}-key\n`;

  it('signs with the keys of a file, for the host of the backend', async () => {
    const world = createWorld();
    world.putSecret('aws', { credentials: ini('default') });
    const headers = await headersOf(authorize(world, credentialOf(awsFile)));
    expect(Object.keys(headers).sort()).toEqual(['authorization', 'x-amz-date']);
    expect(headers['authorization']).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20260301\/eu-west-1\/bedrock\/aws4_request, SignedHeaders=host;x-amz-date, Signature=[0-9a-f]{64}$/,
    );
  });

  it.each([
    ['bedrock-runtime.us-east-2.amazonaws.com', 'us-east-2'],
    ['bedrock-runtime-fips.us-east-1.amazonaws.com', 'us-east-1'],
    ['bedrock-runtime.ap-south-1.api.aws', 'ap-south-1'],
    ['vpce-1.bedrock-runtime.us-west-2.vpce.amazonaws.com:8443', 'us-west-2'],
    ['proxy.example.com', 'eu-west-1'],
    [undefined, 'eu-west-1'],
  ])('takes the region of %s: %s', async (host, region) => {
    const world = createWorld();
    world.putSecret('aws', { credentials: ini('default') });
    const found = await authorize(world, credentialOf(awsFile), requestTo({ host }));
    expect(JSON.stringify(found)).toContain(`/20260301/${region}/bedrock/`);
    expect(found).toMatchObject({ host: host ?? 'bedrock-runtime.eu-west-1.amazonaws.com' });
  });

  it('reads the profile that is named, and names what a file lacks', async () => {
    const world = createWorld();
    const source = aws({ type: 'file', secret: secretKey('aws', 'credentials'), profile: 'prod' });
    const credentials = new Credentials(world);
    const attempt = async (text: string) => {
      world.putSecret('aws', { credentials: text });
      return credentials.authorizer(credentialOf(source)).authorize(requestTo());
    };
    expect(await attempt(ini('prod'))).toHaveProperty('set');
    const from = 'BackendSecurityPolicy default/policy: Secret default/aws, key credentials:';
    expect(await attempt(ini('default'))).toEqual({ refused: 500, message: `${from} there is no profile [prod]` });
    expect(await attempt(`[prod]\naws_secret_access_key=${planted}`)).toEqual({
      refused: 500,
      message: `${from} profile [prod] lacks aws_access_key_id or aws_secret_access_key`,
    });
    expect(await attempt('[profile prod]\nrole_arn = x')).toEqual({
      refused: 500,
      message: `${from} role_arn of profile [prod] is not supported`,
    });
  });

  const role = { roleArn: 'arn:aws:iam::1:role/bedrock', sessionName: 'ai-gateway-policy', region: 'eu-west-1' };

  it.each<[string, CredentialSource, (world: World) => void]>([
    ['an OIDC provider and STS', aws({ type: 'oidc', ...role, exchange }), () => undefined],
    [
      'a web identity token (IRSA)',
      aws({ type: 'default', region: 'eu-west-1' }),
      ({ variables, files }) => {
        Object.assign(variables, {
          AWS_WEB_IDENTITY_TOKEN_FILE: '/token',
          AWS_ROLE_ARN: role.roleArn,
          AWS_ROLE_SESSION_NAME: role.sessionName,
        });
        files.set('/token', `${planted}-jwt\n`);
      },
    ],
    [
      'the agent of EKS Pod Identity',
      aws({ type: 'default', region: 'eu-west-1' }),
      ({ variables, files }) => {
        variables['AWS_CONTAINER_CREDENTIALS_FULL_URI'] = 'http://169.254.170.23/v1/credentials';
        variables['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'] = '/pod';
        files.set('/pod', `${planted}-pod`);
      },
    ],
    ['instance metadata', aws({ type: 'default', region: 'eu-west-1' }), () => undefined],
  ])('signs with keys of %s', async (_, source, prepare) => {
    const world = createWorld();
    prepare(world);
    const headers = await headersOf(authorize(world, credentialOf(source)));
    expect(headers).toMatchObject({ 'x-amz-security-token': `${planted}-token-1` });
    expect(headers['authorization']).toContain('Credential=AKIDTEMPORARY/');
  });

  it('takes keys of the environment first, then of shared files', async () => {
    const world = createWorld();
    world.files.set('/home/user/.aws/credentials', ini('default'));
    const source = aws({ type: 'default', region: 'eu-west-1' });
    expect((await headersOf(authorize(world, credentialOf(source))))['authorization']).toContain('AKIDEXAMPLE');
    Object.assign(world.variables, { AWS_ACCESS_KEY_ID: 'AKIDENV', AWS_SECRET_ACCESS_KEY: planted });
    expect((await headersOf(authorize(world, credentialOf(source))))['authorization']).toContain('AKIDENV');
    expect(world.http.requests).toEqual([]);
  });

  it('asks no agent on another machine in the clear, and no instance metadata that is disabled', async () => {
    const source = aws({ type: 'default', region: 'eu-west-1' });
    for (const [variable, value, message] of [
      ['AWS_CONTAINER_CREDENTIALS_FULL_URI', 'http://10.0.0.1/v1', 'must begin with https://'],
      ['AWS_EC2_METADATA_DISABLED', 'true', 'instance metadata is disabled'],
      ['AWS_PROFILE', 'prod', 'AWS credentials file /home/user/.aws/credentials cannot be read'],
    ] as const) {
      const world = createWorld();
      world.variables[variable] = value;
      const refused = await authorize(world, credentialOf(source));
      expect(refused).toMatchObject({ refused: 500, message: expect.stringContaining(message) as unknown });
      expect(world.http.requests).toEqual([]);
    }
  });

  it('refuses a body that it cannot sign', async () => {
    const world = createWorld();
    world.putSecret('aws', { credentials: ini('default') });
    expect(await authorize(world, credentialOf(awsFile), requestTo({ body: 'streamed' }))).toMatchObject({
      refused: 500,
    });
  });
});

describe('credentials that requests bring', () => {
  it.each<[CredentialSource, string, Record<string, string>]>([
    [key('APIKey'), 'x-aigw-api-key', { authorization: 'Bearer own' }],
    [key('AzureAPIKey'), 'x-aigw-azure-api-key', { 'api-key': 'own' }],
    [key('AnthropicAPIKey'), 'x-aigw-anthropic-api-key', { 'x-api-key': 'own' }],
    [azure, 'x-aigw-azure-access-token', { authorization: 'Bearer own' }],
    [gcp({ type: 'default' }), 'x-aigw-gcp-access-token', { authorization: 'Bearer own' }],
  ])('are used in place of the configured ones, and taken out (%#)', async (source, header, expected) => {
    const world = createWorld();
    const credential = credentialOf(source, { header, fallback: false });
    const authorization = await authorize(world, credential, requestTo({ headers: { [header]: ' own ' } }));
    expect(await headersOf(authorization)).toEqual(expected);
    expect(authorization).toMatchObject({ remove: [header] });
    expect(world.http.requests).toEqual([]);
    expect(await authorize(world, credential)).toEqual({ refused: 401, message: 'missing upstream credential' });
  });

  it('fall back to the configured one where that is allowed, and are taken out all the same', () => {
    const world = createWorld();
    world.putSecret('k', { apiKey: 'configured' });
    const credential = credentialOf(key('APIKey'), { header: 'x-own', fallback: true });
    expect(authorize(world, credential, requestTo({ headers: { 'x-own': ' ' } }))).toEqual({
      remove: ['x-own'],
      set: [{ name: 'authorization', value: 'Bearer configured' }],
    });
  });

  it('of AWS are whole or an error', async () => {
    const world = createWorld();
    world.putSecret('aws', { credentials: `[default]\naws_access_key_id=A\naws_secret_access_key=${planted}` });
    const credential = credentialOf(awsFile, { header: 'x-aigw-aws-', fallback: true });
    const with_ = (...names: string[]) =>
      authorize(
        world,
        credential,
        requestTo({ headers: Object.fromEntries(names.map((name) => [`x-aigw-aws-${name}`, `own-${name}`])) }),
      );
    const whole = await with_('access-key-id', 'secret-access-key', 'session-token');
    expect(whole).toMatchObject({
      remove: expect.arrayContaining([
        'x-aigw-aws-access-key-id',
        'x-aigw-aws-secret-access-key',
        'x-aigw-aws-session-token',
      ]) as unknown,
    });
    expect(await headersOf(whole)).toMatchObject({ 'x-amz-security-token': 'own-session-token' });
    for (const some of [['access-key-id'], ['secret-access-key', 'session-token'], ['session-token']]) {
      expect(await with_(...some)).toMatchObject({ refused: 500 });
    }
    expect((await headersOf(with_()))['authorization']).toContain('Credential=A/');
  });
});

describe('secrecy', () => {
  it('prints no secret', () => {
    const secret = new Redacted(planted);
    const log = [secret, { secret }, new Map([['k', secret]])];
    expect(
      [String(secret), JSON.stringify(log), inspect(log, { depth: 9, showHidden: true }), secret + ''].join(' '),
    ).not.toContain(planted);
  });

  it('tells nothing of what token servers and requests say, however they fail', async () => {
    const sources: CredentialSource[] = [
      azure,
      { type: 'AzureCredentials', source: { type: 'oidc', tenantId: 't', clientId: 'c', exchange } },
      gcp(federation),
      gcp({ type: 'file', secret: secretKey('broken', 'service_account.json') }),
      gcp({ type: 'default' }),
      aws({ type: 'oidc', roleArn: 'r', sessionName: 's', region: 'eu-west-1', exchange }),
      aws({ type: 'file', secret: secretKey('broken', 'credentials'), profile: 'default' }),
      aws({ type: 'default', region: 'eu-west-1' }),
    ];
    const said: string[] = [];
    for (const mode of ['fail', 'refuse', 'answer'] as const) {
      for (const source of sources) {
        const world = createWorld();
        world.http.mode = mode;
        world.putSecret('broken', {
          'service_account.json': `{"type":"service_account","private_key":"${planted}"`,
          credentials: planted,
        });
        const found = await authorize(world, credentialOf(source));
        if (isRefused(found)) said.push(found.message);
      }
    }
    expect(said.length).toBeGreaterThanOrEqual(18);
    expect(said.join('\n')).not.toContain(planted);
    expect(said).toContain(
      'BackendSecurityPolicy default/policy: Microsoft Entra (login.microsoftonline.com) answered 401: invalid_client AADSTS7000215',
    );
    expect(said).toContain(
      'BackendSecurityPolicy default/policy: Microsoft Entra (login.microsoftonline.com) cannot be reached: ECONNREFUSED',
    );
  });

  it('sends credentials over TLS or to this machine only', async () => {
    const bad = ['http://issuer.example.com', 'https://user:pw@issuer.example.com', 'nonsense'];
    for (const issuer of bad) {
      const world = createWorld();
      const source = gcp({ ...federation, exchange: { ...exchange, issuer } });
      expect(await authorize(world, credentialOf(source))).toMatchObject({ refused: 500 });
      expect(world.http.requests).toEqual([]);
    }
  });

  it('leaves no exchange running that nobody waits for', async () => {
    const world = createWorld();
    world.http.mode = 'hang';
    const asked = authorize(world, credentialOf(azure));
    await world.clock.advance(10_000);
    expect(await asked).toEqual({
      refused: 503,
      message: 'BackendSecurityPolicy default/policy: no answer within 10 s',
    });
    await settled();
    expect(world.http.requests.every(({ signal }) => signal.aborted)).toBe(true);
    expect(world.clock.pending).toBe(0);
  });
});
