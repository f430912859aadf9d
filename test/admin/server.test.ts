import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createGuard } from '../../src/admin/guard.ts';
import { healthRoutes, metricsRoute } from '../../src/admin/open.ts';
import { createRequestStream, type FinishedRequest } from '../../src/admin/requests.ts';
import { jsonReply, startAdminServer, type AdminRoute, type AdminServer } from '../../src/admin/server.ts';
import { sessionRoute } from '../../src/admin/session.ts';
import { createLog } from '../../src/telemetry/log.ts';

const token = 'local-token';
const authorization = `Bearer ${token}`;
const started: AdminServer[] = [];
const log = createLog({ level: 'silent' });

afterEach(async () => {
  for (const server of started.splice(0)) await server.close();
});

async function start(routes: readonly AdminRoute[], port = 0, orFreePort = false): Promise<AdminServer> {
  const guard = createGuard({ localToken: token });
  const server = await startAdminServer({ address: '127.0.0.1', port, orFreePort, routes, guard, log });
  started.push(server);
  return server;
}

const things: AdminRoute = { method: 'GET', path: '/admin/v1/things', handle: () => jsonReply({ items: [] }) };

describe('the admin server', () => {
  it('answers probes and scrapes without a token, and says when it is not ready', async () => {
    let ready = false;
    const health = healthRoutes(() => ({ ready, text: ready ? 'ok' : 'cannot list pods' }));
    const { url } = await start([...health, metricsRoute(() => Promise.resolve('up 1\n'), { open: true })]);
    const get = async (path: string) => {
      const response = await fetch(`${url}${path}`);
      return [response.status, await response.text()];
    };
    expect(await get('/healthz')).toEqual([200, 'ok\n']);
    expect(await get('/livez')).toEqual([200, 'ok\n']);
    expect(await get('/readyz')).toEqual([503, 'cannot list pods\n']);
    ready = true;
    expect(await get('/readyz')).toEqual([200, 'ok\n']);
    expect(await get('/metrics')).toEqual([200, 'up 1\n']);
  });

  it('tells who may not ask nothing, not even what there is', async () => {
    const { url } = await start([things]);
    for (const path of ['/admin/v1/things', '/admin/v1/nothing', '/']) {
      const response = await fetch(`${url}${path}`);
      expect([path, response.status, response.headers.get('www-authenticate')]).toEqual([path, 401, 'Bearer']);
      expect(await response.json()).toEqual({ error: { status: 401, message: 'a bearer token is required' } });
    }
    const there = await fetch(`${url}/admin/v1/nothing`, { headers: { authorization } });
    expect([there.status, await there.text()]).toEqual([404, expect.stringContaining('/admin/v1/things')]);
    const wrong = await fetch(`${url}/admin/v1/things`, { method: 'DELETE', headers: { authorization } });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET']);
    expect((await fetch(`${url}/admin/v1/things`, { method: 'HEAD', headers: { authorization } })).status).toBe(200);
  });

  it('answers no name that was made to resolve to it', async () => {
    const { port } = await start([things]);
    const status = await new Promise((resolve, reject) => {
      const headers = { host: 'evil.example', authorization };
      request({ host: '127.0.0.1', port, path: '/admin/v1/things', headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(403);
  });

  it('gives a browser a cookie for the token', async () => {
    const { url } = await start([things, sessionRoute(token)]);
    const session = `${url}/admin/v1/session`;
    expect((await fetch(session, { method: 'POST' })).status).toBe(401);
    const given = await fetch(session, { method: 'POST', headers: { authorization } });
    const cookie = given.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/^headgate-admin=\d+\.[\w-]+; Path=\/admin; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    expect(cookie).not.toContain(token);
    const headers = { cookie: cookie.split(';')[0] ?? '' };
    expect((await fetch(`${url}/admin/v1/things`, { headers })).status).toBe(200);
  });

  it('refuses bodies without an end and faults with a word in the log only', async () => {
    const fault: AdminRoute = {
      method: 'POST',
      path: '/fault',
      handle: () => {
        throw new Error('secret detail');
      },
    };
    const { url } = await start([fault]);
    const post = (body: string) => fetch(`${url}/fault`, { method: 'POST', headers: { authorization }, body });
    expect((await post('x'.repeat(17 * 1024 * 1024))).status).toBe(413);
    const failed = await post('');
    expect([failed.status, await failed.text()]).toEqual([500, expect.not.stringContaining('secret')]);
  });

  it('takes another port only where that is allowed', async () => {
    const first = await start([]);
    await expect(start([], first.port)).rejects.toThrow(/EADDRINUSE/);
    expect((await start([], first.port, true)).port).not.toBe(first.port);
  });

  it('streams requests to whoever listens, leaves out what a slow client does not take, and says how many', async () => {
    const requests = createRequestStream();
    const { url } = await start([{ method: 'GET', path: '/admin/v1/requests', handle: () => requests }]);
    const finished = (path: string): FinishedRequest => ({
      time: new Date(0).toISOString(),
      method: 'GET',
      host: 'h',
      path,
      status: 200,
      attempts: 1,
      durationMs: 1,
    });
    expect(requests.watched).toBe(false);
    const leaving = new AbortController();
    const response = await fetch(`${url}/admin/v1/requests`, { headers: { authorization }, signal: leaving.signal });
    expect(requests.watched).toBe(true);
    // More than the sockets and the buffer between hold.
    for (let sent = 0; sent < 3000; sent += 1) requests.finished(finished(`/${'x'.repeat(4096)}/${sent}`));
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      if (text.includes('event: dropped')) break;
      if (text.length > 1024 * 1024) requests.finished(finished('/last'));
    }
    expect(text).toMatch(/event: dropped\ndata: \{"count":\d+\}/);
    leaving.abort();
    await expect.poll(() => requests.watched).toBe(false);
  });
});
