import type { Dispatcher } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPicker, type Picker } from '../../src/picker/picker.ts';
import { backend, log, startFixture, table, until, type Fixture, type Upstream } from './fixture.ts';

/** The picker in process with a pool of one upstream, whose load the test sets. */

let fixture: Fixture;
let picker: Picker;
let up: Upstream;
let saturated: boolean;
let scrapes = 0;
const bodies: string[] = [];

const flowControl = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
featureGates: [flowControl]
plugins: [{ type: queue-scorer }]
schedulingProfiles: [{ name: default, plugins: [{ pluginRef: queue-scorer }] }]
`;
const poolRef = { name: 'p' };
const inference = 'inference.networking.x-k8s.io/v1alpha2';

beforeEach(async () => {
  saturated = true;
  bodies.length = 0;
  const page = (): string => {
    scrapes += 1;
    return `vllm:num_requests_waiting ${saturated ? 50 : 0}\nvllm:kv_cache_usage_perc 0\n`;
  };
  picker = createPicker({ scrape: () => Promise.resolve(page()), log, intervalMs: 10 });
  fixture = await startFixture({ picker, pickTimeoutMs: 400 });
  up = await fixture.upstream((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.end('served');
    });
  });
});

afterEach(async () => {
  picker.stop();
  await fixture.close();
});

async function serve(config: string, ai = true): Promise<void> {
  const endpoints = [up.endpoint];
  const pool = { type: 'pool', key: 'ns/p', failureMode: 'FailClose', protocol: 'http', endpoints } as const;
  const target = { ...pool, picker: { type: 'inProcess', config, ready: true } } as const;
  picker.update(new Map([['ns/p', endpoints]]), new Map([['ns/p', config]]));
  fixture.plane.apply(table([{ ...(ai ? { model: 'm' } : {}), backends: [backend(target)] }]));
  // The second scrape begins when the first has been recorded.
  const before = scrapes;
  await until(() => scrapes > before + 1, 'the load is known');
}

/** That of the JSON error which clients of model APIs get. */
async function messageOf(answer: Dispatcher.ResponseData<unknown>): Promise<unknown> {
  const body = (await answer.body.json()) as { error?: { message?: string } };
  return body.error?.message;
}

const objective = (name: string, priority: number) => ({
  apiVersion: inference,
  kind: 'InferenceObjective',
  metadata: { name, namespace: 'ns' },
  spec: { priority, poolRef },
});

describe('a pool whose picker is in process', () => {
  it('sheds requests of negative priority while it is saturated, with the reason', async () => {
    picker.applyObjects([objective('batch', -1)], []);
    await serve('');
    const shed = await fixture.chat({ model: 'm' }, { 'x-gateway-inference-objective': 'batch' });
    expect([shed.statusCode, shed.headers['x-llm-d-request-dropped-reason'], await messageOf(shed)]).toEqual([
      429,
      'rejected-saturated',
      'inference error: ResourceExhausted - system saturated, sheddable request dropped',
    ]);
    expect((await fixture.chat({ model: 'm' })).statusCode).toBe(200);
  });

  it('lets requests wait while it is saturated, when its configuration has flow control', async () => {
    await serve(flowControl);
    const answer = fixture.chat({ model: 'm' });
    await until(() => fixture.plane.stats().inFlight === 1, 'the request is in');
    expect(bodies).toEqual([]);
    saturated = false;
    expect((await answer).statusCode).toBe(200);
  });

  it('answers 503 to a request that has waited for too long', async () => {
    await serve(flowControl);
    const answer = await fixture.chat({ model: 'm' });
    expect([answer.statusCode, answer.headers['x-llm-d-request-dropped-reason'], await messageOf(answer)]).toEqual([
      503,
      'rejected-ttl-expired',
      'inference error: ServiceUnavailable - the request waited in the queue for longer than its time to live',
    ]);
    expect(bodies).toEqual([]);
  });

  it('forgets a queued request whose client is gone', async () => {
    await serve(flowControl);
    const socket = fixture.socket();
    socket.write('POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 13\r\n\r\n{"model":"m"}');
    await until(() => fixture.plane.stats().inFlight === 1, 'the request is in');
    socket.destroy();
    await until(() => fixture.plane.stats().inFlight === 0, 'the request is over');
    saturated = false;
    expect((await fixture.chat({ model: 'm', user: 'later' })).statusCode).toBe(200);
    expect(bodies).toEqual(['{"model":"m","user":"later"}']);
  });

  it.each([true, false])('asks for the model that a rewrite names; through an AI route: %s', async (ai) => {
    const rewrite = {
      apiVersion: inference,
      kind: 'InferenceModelRewrite',
      metadata: { name: 'r', namespace: 'ns' },
      spec: { poolRef, rules: [{ matches: [{ model: { value: 'm' } }], targets: [{ modelRewrite: 'lora' }] }] },
    };
    picker.applyObjects([], [rewrite]);
    await serve('', ai);
    const text = '{ "messages": [],  "model": "m", "n": 1.0 }';
    expect((await fixture.chat(text)).statusCode).toBe(200);
    expect(bodies).toEqual([text.replace('"m"', '"lora"')]);
  });

  it('takes requests of a plain route that are no JSON as they are', async () => {
    await serve('', false);
    expect((await fixture.chat('not JSON')).statusCode).toBe(200);
    expect(bodies).toEqual(['not JSON']);
  });
});
