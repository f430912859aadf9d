import { afterEach, describe, expect, it } from 'vitest';
import { serveRegistry as serveMetrics } from '../../src/admin/registrymetrics.ts';
import { checkHealth } from '../../src/wire/grpchealthclient.ts';
import { baseModelsOf } from '../../src/extproc/basemodels.ts';
import { startBbr, type Bbr } from '../../src/extproc/bbr.ts';
import { readBbrFlags } from '../../src/extproc/bbrflags.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { bodyOf, connectProxy, setHeadersOf, type Proxy } from './proxy.ts';

const log = createLog({ level: 'silent' });
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function start(...argv: string[]): Promise<{ bbr: Bbr; proxy: Proxy; metrics: () => Promise<string> }> {
  const ports = ['--grpc-port', '0', '--grpc-health-port', '0', '--metrics-port', '0', '--secure-serving=false'];
  const bbr = await startBbr([...ports, ...argv], { serveMetrics, env: {}, log });
  const proxy = connectProxy(bbr.url);
  closers.push(() => bbr.close(), proxy.close);
  const url = `http://127.0.0.1:${String(bbr.ports.metrics)}/metrics`;
  return { bbr, proxy, metrics: async () => (await fetch(url)).text() };
}

const head = { ':method': 'POST', ':path': '/v1/completions' };
const body = '{"prompt":"say \\"model\\":\\"evil\\"","model":"llama"}';

describe('the body-based router (epp.md 8)', () => {
  it('buffered: headers pass, the body brings the model headers and a new route', async () => {
    const { proxy, metrics } = await start();
    const exchange = proxy.exchange({ requestBodyMode: 'BUFFERED', responseBodyMode: 'NONE' });
    exchange.headers('request', head);
    expect(await exchange.next()).toMatchObject({ type: 'headers', phase: 'request' });
    exchange.body('request', body, true);
    const reply = await exchange.next();
    expect(reply).toMatchObject({ type: 'body', common: { clearRouteCache: true } });
    expect(setHeadersOf(reply)).toEqual({ 'x-gateway-model-name': 'llama', 'x-gateway-base-model-name': '' });
    exchange.headers('response', { ':status': '200' });
    expect(await exchange.next()).toMatchObject({ type: 'headers', phase: 'response' });
    expect(await exchange.finish()).toEqual({ error: undefined, left: [] });
    expect(await metrics()).toContain('bbr_success_total 1');
  });

  it('full duplex: headers wait for the body, which goes on as it came', async () => {
    const { proxy } = await start();
    const exchange = proxy.exchange();
    exchange.headers('request', head);
    exchange.body('request', body.slice(0, 20), false);
    exchange.body('request', body.slice(20), true);
    const reply = await exchange.next();
    expect(reply).toMatchObject({ type: 'headers', common: { clearRouteCache: true } });
    expect(setHeadersOf(reply)).toMatchObject({
      'x-gateway-model-name': 'llama',
      'content-length': String(body.length),
    });
    expect(bodyOf(await exchange.next())).toBe(body);
    exchange.headers('response', { ':status': '200' });
    exchange.body('response', 'answer', true);
    await exchange.next();
    expect(bodyOf(await exchange.next())).toBe('answer');
    expect(await exchange.finish()).toEqual({ error: undefined, left: [] });
  });

  it.each([
    ['has no model', '{}', {}, 'bbr_body_field_not_found_total{field="model"} 1'],
    [
      'has an empty model',
      '{"model":""}',
      { 'x-gateway-base-model-name': '' },
      'bbr_body_field_empty_total{field="model"} 1',
    ],
    ['has a model that is no text', '{"model":1}', {}, 'bbr_body_field_not_found_total{field="model"} 1'],
    [
      'has a model that would break a header',
      '{"model":"a\\r\\nb: c"}',
      {},
      'bbr_body_field_not_found_total{field="model"} 1',
    ],
  ])('goes on without a model header when the body %s', async (_, text, headers, metric) => {
    const { proxy, metrics } = await start();
    const exchange = proxy.exchange({ requestBodyMode: 'BUFFERED' });
    exchange.headers('request', head);
    await exchange.next();
    exchange.body('request', text, true);
    expect(setHeadersOf(await exchange.next())).toEqual(headers);
    await exchange.finish();
    expect(await metrics()).toContain(metric);
  });

  it('refuses a body that is not JSON', async () => {
    const { proxy } = await start();
    const exchange = proxy.exchange();
    exchange.headers('request', head);
    exchange.body('request', 'no json', true);
    expect(await exchange.next()).toMatchObject({ type: 'immediate', response: { status: 400 } });
  });

  it('lets requests without a body pass at once', async () => {
    const { proxy } = await start();
    const exchange = proxy.exchange();
    exchange.headers('request', { ':method': 'GET' }, { endOfStream: true });
    expect(await exchange.next()).toMatchObject({ type: 'headers' });
    expect(await exchange.finish()).toEqual({ error: undefined, left: [] });
  });

  it('takes other fields by plugin, and is healthy under its names', async () => {
    const { bbr, proxy } = await start(
      '--plugin',
      'body-field-to-header:user:{"fieldName":"user","headerName":"X-User"}',
    );
    const exchange = proxy.exchange({ requestBodyMode: 'BUFFERED' });
    exchange.headers('request', head);
    await exchange.next();
    exchange.body('request', '{"model":"m","user":"ann"}', true);
    expect(setHeadersOf(await exchange.next())).toEqual({ 'x-user': 'ann' });
    await exchange.finish();
    const probe = { host: '127.0.0.1', port: bbr.ports.health, service: '', timeoutMs: 5000 };
    expect(await checkHealth(probe)).toBe('SERVING');
  });

  it.each([
    [['--grpc-port', '9000', '--metrics-port', '9000'], /must differ/],
    [['--plugin', 'x'], /type:name/],
    [['--plugin', 'nothing:x'], /plugin type nothing is unknown/],
    [['--plugin', 'body-field-to-header:x'], /needs the parameters fieldName and headerName/],
    [['--plugin', 'body-field-to-header:x:{"fieldName":"a","headerName":"b c"}'], /no header name/],
    [['--plugin', 'body-field-to-header:x:nothing'], /JSON object/],
  ])('refuses %j', (argv, message) => {
    expect(() => readBbrFlags(argv)).toThrow(message);
  });

  it('reads base models from ConfigMaps', () => {
    const map = (data: Record<string, string>) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'm', namespace: 'default' },
      data,
    });
    expect(baseModelsOf(map({ baseModel: 'llama', adapters: '- food\n- wine\n' }), log)).toEqual([
      ['llama', 'llama'],
      ['food', 'llama'],
      ['wine', 'llama'],
    ]);
    expect(baseModelsOf(map({ adapters: '- food\n' }), log)).toEqual([]);
    expect(baseModelsOf(map({ baseModel: 'llama', adapters: '[' }), log)).toEqual([['llama', 'llama']]);
  });
});
