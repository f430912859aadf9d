import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { backend, startFixture, table, target, until, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

describe('WebSocket', () => {
  it('passes through, both ways, also when the server speaks first', async () => {
    const { server, endpoint } = await fixture.upstream((_, response) => response.end('plain'));
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket, request) => {
      socket.send(`hello ${String(request.headers['x-custom'])} ${request.url}`);
      socket.on('message', (data: Buffer) => socket.send(data.toString().toUpperCase()));
    });
    const filters = [
      { type: 'ResponseHeaderModifier', set: [{ name: 'x-set', value: '1' }], add: [], remove: [] },
    ] as const;
    fixture.plane.apply(table([{ filters, requestTimeoutMs: 50, backends: [backend(target([endpoint]))] }]));
    const client = new WebSocket(`ws://127.0.0.1:${fixture.port}/ws?x=1`, { headers: { 'x-custom': 'c' } });
    const heard: string[] = [];
    let set: string | string[] | undefined;
    client.on('upgrade', (response) => (set = response.headers['x-set']));
    client.on('message', (data: Buffer) => heard.push(data.toString()));
    await until(() => heard.length === 1, 'the greeting');
    // The time limit of the route is for answers, not for conversations.
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.send('big '.repeat(50_000));
    await until(() => heard.length === 2, 'the answer');
    expect([heard[0], heard[1]?.length, set]).toEqual(['hello c /ws?x=1', 200_000, '1']);
    expect(fixture.plane.stats().inFlight).toBe(1);
    client.close(4000, 'enough');
    await until(() => fixture.plane.stats().inFlight === 0, 'it is over');
    expect(await fixture.plane.metrics()).toContain('status="101"} 1');
    sockets.close();
  });

  it('tells the accept key of the server', async () => {
    const { server, endpoint } = await fixture.upstream((_, response) => response.end());
    const sockets = new WebSocketServer({ server });
    fixture.plane.apply(table([{ backends: [backend(target([endpoint]))] }]));
    const key = 'dGhlIHNhbXBsZSBub25jZQ==';
    const opened = fixture.socket();
    let answer = '';
    opened.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    opened.write(
      `GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    await until(() => answer.includes('\r\n\r\n'), 'the switch');
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    expect(answer).toMatch(/^HTTP\/1.1 101 /);
    expect(answer.toLowerCase()).toContain(`sec-websocket-accept: ${accept.toLowerCase()}\r\n`);
    sockets.close();
  });

  it('a server that refuses is heard, and one that goes away ends the client', async () => {
    const refusing = await fixture.upstream((_, response) => response.writeHead(403).end('not you'));
    fixture.plane.apply(table([{ backends: [backend(target([refusing.endpoint]))] }]));
    const refused = new WebSocket(`ws://127.0.0.1:${fixture.port}/`);
    const status = await new Promise((resolve) => {
      refused.on('unexpected-response', (_, response) => {
        resolve(response.statusCode);
      });
    });
    expect(status).toBe(403);
    const { server, endpoint, connections } = await fixture.upstream((_, response) => response.end());
    const sockets = new WebSocketServer({ server });
    fixture.plane.apply(table([{ backends: [backend(target([endpoint]))] }]));
    const client = new WebSocket(`ws://127.0.0.1:${fixture.port}/`);
    await new Promise((resolve) => client.on('open', resolve));
    const closed = new Promise((resolve) => client.on('close', resolve));
    for (const connection of connections) connection.destroy();
    await closed;
    await until(() => fixture.plane.stats().inFlight === 0, 'it is over');
    sockets.close();
  });
});
