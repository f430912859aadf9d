import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Credentials } from '../../src/credentials/credentials.ts';
import { systemEnvironment } from '../../src/credentials/system.ts';
import { azure, createWorld, credentialOf, planted, requestTo } from './world.ts';

/** Entra at an address of this machine. */
async function entraAt(listener: RequestListener) {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const world = systemEnvironment(createWorld().secrets, { AZURE_AUTHORITY_HOST: `http://127.0.0.1:${port}` });
  onTestFinished(async () => {
    await world.close();
    server.close();
    server.closeAllConnections();
  });
  return {
    world,
    port,
    ask: async () => new Credentials(world).authorizer(credentialOf(azure)).authorize(requestTo()),
  };
}

describe('exchanges over HTTP', () => {
  it('send forms and read JSON', async () => {
    const { ask } = await entraAt((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const form = new URLSearchParams(body);
        const right =
          request.url === '/tenant-1/oauth2/v2.0/token' && form.get('client_secret') === `${planted}-client-secret`;
        response.statusCode = right ? 200 : 400;
        response.end(JSON.stringify({ access_token: 'from-http', expires_in: 3600 }));
      });
    });
    expect(await ask()).toEqual({ remove: [], set: [{ name: 'authorization', value: 'Bearer from-http' }] });
  });

  it('follow no redirect, and read no endless answer', async () => {
    const redirected = await entraAt((_, response) => {
      response.writeHead(307, { location: 'http://127.0.0.1:1/elsewhere' }).end();
    });
    expect(await redirected.ask()).toMatchObject({
      refused: 503,
      message: expect.stringMatching(/answered 307$/) as unknown,
    });
    const endless = await entraAt((_, response) => {
      const write = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', write);
      write();
    });
    expect(await endless.ask()).toMatchObject({
      refused: 503,
      message: expect.stringContaining('more than') as unknown,
    });
  });

  it.each(['AI_GATEWAY_AZURE_PROXY_URL', 'HTTPS_PROXY'])('go through the proxy of %s', async (variable) => {
    const asked: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, socket) => {
      asked.push(request.url ?? '');
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const variables = { [variable]: `http://127.0.0.1:${port}` };
    const world = systemEnvironment(createWorld().secrets, variables);
    onTestFinished(async () => {
      await world.close();
      proxy.close();
    });
    const answer = await new Credentials(world).authorizer(credentialOf(azure)).authorize(requestTo());
    expect(answer).toMatchObject({ refused: 503 });
    expect(asked).toEqual(['login.microsoftonline.com:443']);
  });
});
