import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createAuthority } from '../credentials/certificates.ts';
import { startHeadgate, type Headgate } from './headgate.ts';

/** `examples/providers`, unchanged, before servers that stand in for the providers' hosts: `--resolve` and `SSL_CERT_FILE`. */

interface Provider {
  readonly path: string;
  readonly model: string;
  readonly header: string;
  readonly value: string;
}

const providers: Readonly<Record<string, Provider>> = {
  'api.openai.com': { path: '/v1', model: 'gpt-4o-mini', header: 'authorization', value: 'Bearer OPENAI_API_KEY' },
  'api.groq.com': {
    path: '/openai/v1',
    model: 'llama-3.3-70b-versatile',
    header: 'authorization',
    value: 'Bearer GROQ_API_KEY',
  },
  'api.mistral.ai': {
    path: '/v1',
    model: 'mistral-small-latest',
    header: 'authorization',
    value: 'Bearer MISTRAL_API_KEY',
  },
  'generativelanguage.googleapis.com': {
    path: '/v1beta/openai',
    model: 'gemini-2.5-flash',
    header: 'authorization',
    value: 'Bearer GEMINI_API_KEY',
  },
  'my-resource.openai.azure.com': {
    path: '/openai/v1',
    model: 'gpt-4.1',
    header: 'api-key',
    value: 'AZURE_OPENAI_API_KEY',
  },
  'my-entra-resource.openai.azure.com': {
    path: '/openai/v1',
    model: 'gpt-4.1-entra',
    header: 'authorization',
    value: 'Bearer token-of-entra',
  },
};
const entra = 'login.microsoftonline.com';

let headgate: Headgate;
let server: Server;
let directory = '';
let url = '';
const tokens: string[] = [];

/** Answers as the provider of the host, when path and credential are right; what was wrong otherwise. */
function reply(request: IncomingMessage, body: string): { status: number; answer: unknown } {
  const host = request.headers.host ?? '';
  if (host === entra) {
    tokens.push(body);
    return { status: 200, answer: { access_token: 'token-of-entra', expires_in: 3600 } };
  }
  const provider = providers[host];
  const right =
    provider !== undefined &&
    request.url === `${provider.path}/chat/completions` &&
    request.headers[provider.header] === provider.value;
  if (!right) return { status: 400, answer: { error: { message: `${host}${request.url ?? ''}` } } };
  const { model } = JSON.parse(body) as { model: string };
  const message = { role: 'assistant', content: `${host} has ${model}` };
  return {
    status: 200,
    answer: { id: 'x', object: 'chat.completion', model, choices: [{ index: 0, message, finish_reason: 'stop' }] },
  };
}

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'headgate-providers-'));
  const hosts = [...Object.keys(providers), entra];
  const authority = await createAuthority();
  await writeFile(path.join(directory, 'ca.pem'), authority.pem);
  server = createServer(await authority.issue(hosts.map((value) => ({ type: 'dns', value }))), (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { status, answer } = reply(request, body);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  headgate = await startHeadgate(
    [
      '-f',
      fileURLToPath(new URL('../../examples/providers', import.meta.url)),
      ...hosts.flatMap((host) => ['--resolve', `${host}:443:127.0.0.1:${port}`]),
    ],
    { env: { SSL_CERT_FILE: path.join(directory, 'ca.pem') } },
  );
  url = await headgate.gatewayUrl('envoy-ai-gateway-basic');
});

afterAll(async () => {
  expect(await headgate.stop()).toBe(0);
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true, force: true });
});

it.each(Object.entries(providers))(
  '%s answers the OpenAI client, with the credential of its policy',
  async (host, { model }) => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'of-the-client', maxRetries: 0 });
    const completion = await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Hello!' }] });
    const asked = host.endsWith('.azure.com') ? 'my-deployment' : model;
    expect(completion.choices[0]?.message.content).toBe(`${host} has ${asked}`);
  },
);

it('Entra was asked once, for the service principal', () => {
  expect(tokens.map((body) => Object.fromEntries(new URLSearchParams(body)))).toEqual([
    {
      grant_type: 'client_credentials',
      client_id: 'my-application',
      client_secret: 'AZURE_CLIENT_SECRET',
      scope: 'https://cognitiveservices.azure.com/.default',
    },
  ]);
});

it('says of all objects that they are accepted, and what of the EnvoyProxy has no effect', async () => {
  const kinds = 'aigatewayroutes,aiservicebackends,backendsecuritypolicies';
  await vi.waitFor(async () => {
    const lines = (await headgate.kubectl(['get', kinds, '--no-headers']))
      .trim()
      .split('\n')
      .filter((line) => line !== '');
    expect(lines).toHaveLength(18);
    for (const line of lines) expect(line).toMatch(/ Accepted$/);
  });
  const conditions = await headgate.kubectl([
    'get',
    'gateway',
    'envoy-ai-gateway-basic',
    '-o',
    'jsonpath={.status.conditions[*].message}',
  ]);
  expect(conditions).toContain('without effect here: spec.provider.kubernetes.envoyDeployment');
  const policies = await headgate.kubectl([
    'get',
    'backendtlspolicies',
    '-o',
    'jsonpath={.items[*].status.ancestors[*].conditions[*].reason}',
  ]);
  expect(policies.split(' ')).toEqual(Array.from({ length: 6 }, () => ['Accepted', 'ResolvedRefs']).flat());
});

it('uses a changed key from the next request on, and shows no key to anybody', async () => {
  const change = JSON.stringify({ stringData: { apiKey: 'ANOTHER_KEY' } });
  await headgate.kubectl(['patch', 'secret', 'openai', '-p', change]);
  await vi.waitFor(async () => {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o-mini', messages: [] }),
    });
    // The stand-in takes the old key only.
    expect(response.status).toBe(400);
  });
  expect(headgate.output()).not.toMatch(/OPENAI_API_KEY|ANOTHER_KEY|AZURE_CLIENT_SECRET|token-of-entra/);
});
