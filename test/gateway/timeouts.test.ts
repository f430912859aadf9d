import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backend, startFixture, table, target, until, type Fixture, type TestRule } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

async function serve(
  rule: TestRule,
  first: string | undefined,
  type = 'text/event-stream',
): Promise<{ given: () => boolean }> {
  let given = false;
  const { endpoint } = await fixture.upstream((request, response) => {
    request.resume();
    response.on('close', () => (given = true));
    if (first !== undefined) response.writeHead(200, { 'content-type': type }).write(first);
  });
  fixture.plane.apply(table([{ model: 'm', ...rule, backends: [backend(target([endpoint]))] }]));
  return { given: () => given };
}

describe('timeouts', () => {
  it.each([
    [{ requestTimeoutMs: 50 }, 'the request timeout', 'request_timeout'],
    [{ backendRequestTimeoutMs: 50 }, 'the backend request timeout', 'backend_request_timeout'],
    [
      { requestTimeoutMs: 5_000, backendRequestTimeoutMs: 50 },
      'the backend request timeout',
      'backend_request_timeout',
    ],
    [{ streamIdleTimeoutMs: 50 }, 'the stream idle timeout', 'stream_idle_timeout'],
  ])('504 when a backend hangs: %j', async (rule, text, limit) => {
    const upstream = await serve(rule, undefined);
    const answer = await fixture.chat({ model: 'm' });
    expect([answer.statusCode, await answer.body.text()]).toEqual([504, expect.stringContaining(text)]);
    await until(upstream.given, 'the upstream was given up');
    expect(await fixture.plane.metrics()).toContain(`headgate_limits_hit_total{limit="${limit}"} 1`);
    expect(fixture.plane.stats().inFlight).toBe(0);
  });

  it.each([
    ['data: {"a":1}\n\n', 'data: {"a":1}\n\ndata: {"type":"error"'],
    ['data: {"a"', 'data: {"a"\n\ndata: {"type":"error"'],
  ])('an error event ends a stream of events that was cut after %j', async (first, expected) => {
    const upstream = await serve({ requestTimeoutMs: 100 }, first);
    const answer = await fixture.chat({ model: 'm', stream: true });
    const text = await answer.body.text();
    expect(text.startsWith(expected), text).toBe(true);
    expect(text).toContain('"code":"504"');
    expect(text.endsWith('\n\n')).toBe(true);
    await until(upstream.given, 'the upstream was given up');
  });

  it('cuts the connection of any other answer, so that the client sees it is incomplete', async () => {
    await serve({ requestTimeoutMs: 100 }, 'half', 'application/json');
    const answer = await fixture.chat({ model: 'm' });
    await expect(answer.body.text()).rejects.toThrow();
  });

  it('counts silence anew with every chunk', async () => {
    const { endpoint } = await fixture.upstream((_, response) => {
      let sent = 0;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const timer = setInterval(() => {
        sent += 1;
        response.write(`data: ${sent}\n\n`);
        if (sent < 6) return;
        clearInterval(timer);
        response.end();
      }, 50);
    });
    fixture.plane.apply(table([{ streamIdleTimeoutMs: 200, backends: [backend(target([endpoint]))] }]));
    const answer = await fixture.call('/');
    const text = await answer.body.text();
    expect(text).toContain('data: 6');
    expect(text).not.toContain('error');
  });

  it('an upstream that breaks off a stream of events leaves an error event too', async () => {
    const { endpoint } = await fixture.upstream((request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      response.write('data: 1\n\n', () => request.socket.destroy());
    });
    fixture.plane.apply(table([{ backends: [backend(target([endpoint]))] }]));
    const answer = await fixture.call('/');
    expect(await answer.body.text()).toMatch(/^data: 1\n\ndata: .*"code":"502".*\n\n$/);
  });
});
