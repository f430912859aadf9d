import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/picker/config/parse.ts';
import type { ProfileTrace } from '../../src/picker/trace.ts';
import { createRandom } from '../../src/simulator/random.ts';
import { configOf, endpoint, fixture } from './fixture.ts';

const three = [1, 2, 3].map((at) => endpoint(at));
const lora = (active: string[], waiting: string[] = [], max = 2) => ({ max, active, waiting });
const loads = configOf('queue-scorer', 'kv-cache-utilization-scorer', 'lora-affinity-scorer');

describe('the behaviours of epp.md 12.1', () => {
  it.each([
    [
      'least load',
      [
        [3, 0.2],
        [0, 0.1],
        [10, 0.2],
      ],
      [[], [], []],
      '192.168.1.2',
    ],
    [
      'the adapter is active',
      [
        [0, 0.2],
        [0, 0.1],
        [10, 0.2],
      ],
      [
        ['foo', 'bar'],
        ['foo', 'm'],
        ['foo', 'bar'],
      ],
      '192.168.1.2',
    ],
    [
      'affinity beats KV usage',
      [
        [10, 0.2],
        [10, 0.4],
        [10, 0.3],
      ],
      [['foo', 'bar'], ['foo', 'm'], ['foo']],
      '192.168.1.2',
    ],
    [
      'default priority is never shed',
      [
        [6, 0.2],
        [0, 0.85],
        [10, 0.9],
      ],
      [['m'], ['a', 'b'], ['a', 'b']],
      '192.168.1.1',
    ],
  ])('%s', (_, metrics, adapters, expected) => {
    const { director, picked } = fixture(loads, three);
    for (const [at, [waiting = 0, kvUsage = 0]] of metrics.entries()) {
      const active = adapters[at] ?? [];
      director.recordMetrics(three[at]?.key ?? '', { waiting, kvUsage, lora: lora(active, [], active.length) });
    }
    expect(picked()).toBe(expected);
  });

  it('honours subset hints, by address or address and port, and answers 503 when none is there', () => {
    const { director, picked, ask } = fixture(configOf('queue-scorer'), three);
    for (const [at, { key }] of three.entries()) director.recordMetrics(key, { waiting: at });
    expect(picked({ subset: three.map(({ key }) => key) })).toBe('192.168.1.1');
    expect(picked({ subset: ['192.168.1.3'] })).toBe('192.168.1.3');
    expect(picked({ subset: ['192.168.1.3:8000'] })).toBe('192.168.1.3');
    for (const subset of [['192.168.1.3:8001'], ['10.0.0.1'], []]) {
      expect(ask({ subset }).decision).toMatchObject({ type: 'drop', httpStatus: 503, code: 'ServiceUnavailable' });
    }
  });

  it('refuses a body without a model, unless nobody looked into it', () => {
    const { ask, picked } = fixture(configOf('queue-scorer'), [endpoint(1)]);
    expect(ask({ incomingModel: '' }).decision).toMatchObject({
      httpStatus: 400,
      message: 'model not found in request body',
    });
    expect(picked({ incomingModel: '', opaque: true })).toBe('192.168.1.1');
  });

  it('answers 503 when the pool is empty, whatever the priority', () => {
    expect(fixture(configOf('queue-scorer'), []).ask().decision).toMatchObject({ httpStatus: 503 });
  });
});

const objective = (name: string, priority: number, pool = 'pool') => ({
  apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
  kind: 'InferenceObjective',
  metadata: { name, namespace: 'ns' },
  spec: { priority, poolRef: { name: pool } },
});

describe('priorities', () => {
  it('shed negative ones with 429 while the pool is saturated, those of other pools and unknown ones never', () => {
    const { director, ask, picked } = fixture(configOf('queue-scorer'), [endpoint(1)]);
    director.applyObjects([objective('low', -1), objective('other', -1, 'elsewhere')], []);
    const low = { headers: { 'x-gateway-inference-objective': 'low' } };
    director.recordMetrics(endpoint(1).key, { waiting: 1, kvUsage: 0.1 });
    expect(picked(low)).toBe('192.168.1.1');
    director.recordMetrics(endpoint(1).key, { waiting: 5 });
    expect(ask(low).decision).toMatchObject({ httpStatus: 429, reason: 'rejected-saturated' });
    expect(picked({ headers: { 'x-gateway-inference-objective': 'other' } })).toBe('192.168.1.1');
    expect(picked({ headers: { 'x-gateway-inference-objective': 'unknown' } })).toBe('192.168.1.1');
  });
});

describe('model rewrites', () => {
  const rewrite = (name: string, created: string, rules: { from?: string; to: string }[]) => ({
    apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
    kind: 'InferenceModelRewrite',
    metadata: { name, namespace: 'ns', creationTimestamp: created },
    spec: {
      poolRef: { name: 'pool' },
      rules: rules.map(({ from, to }) => ({
        ...(from !== undefined && { matches: [{ model: { value: from } }] }),
        targets: [{ modelRewrite: to }],
      })),
    },
  });

  it.each([
    ['a', {}, 'exact-old'],
    ['b', {}, 'general'],
    ['b', { 'x-gateway-model-name-rewrite': 'header' }, 'general'],
  ])('%s with %j becomes %s', (incomingModel, headers, expected) => {
    const { director, ask } = fixture(configOf('queue-scorer'), [endpoint(1)]);
    director.applyObjects(
      [],
      [
        rewrite('young', '2026-02-01T00:00:00Z', [{ from: 'a', to: 'exact-young' }]),
        rewrite('old', '2026-01-01T00:00:00Z', [{ to: 'general' }, { from: 'a', to: 'exact-old' }]),
      ],
    );
    expect(ask({ incomingModel, headers }).decision).toMatchObject({ targetModel: expected });
  });

  it('take the header where no rule matches', () => {
    const { ask } = fixture(configOf('queue-scorer'), [endpoint(1)]);
    expect(ask({ headers: { 'x-gateway-model-name-rewrite': 'h' } }).decision).toMatchObject({
      targetModel: 'h',
      priority: 0,
    });
  });
});

describe('prefix cache', () => {
  const body = (text: string): Buffer =>
    Buffer.from(JSON.stringify({ messages: [{ role: 'user', content: text }], model: 'm', cache_salt: 's' }));

  it('brings a prompt back to where its beginning went, however the body is cut, but not for another model', () => {
    const { director, picked } = fixture(configOf('prefix-cache-scorer'), three);
    const hashed = (text: string, chunk: number) => {
      const hasher = director.promptHasher('chat-completions');
      const bytes = body(text);
      for (let at = 0; at < bytes.length; at += chunk) hasher?.push(bytes.subarray(at, at + chunk));
      return hasher?.finish();
    };
    const text = 'word '.repeat(200);
    expect(hashed(text, 1)).toEqual(hashed(text, 10_000));
    expect(hashed(text, 7)?.cacheSalt).toBe('"s"');
    const first = picked({ prompt: hashed(text, 100) });
    for (let round = 0; round < 20; round += 1) {
      expect(picked({ prompt: hashed(`${text} and question ${round}`, 50) })).toBe(first);
    }
    const others = new Set<string>();
    for (let round = 0; round < 40; round += 1)
      others.add(picked({ prompt: hashed(text, 100), incomingModel: `m${round}` }));
    expect(others.size).toBe(3);
  });
});

describe('accounts', () => {
  it('count a request once, move with the endpoint that served, and end exactly once even when the endpoint is gone', () => {
    const completed: number[] = [];
    const observer = { completed: () => void completed.push(1) };
    const { director, ask } = fixture(configOf('active-request-scorer'), [endpoint(1), endpoint(2)], observer);
    const first = ask({ subset: ['192.168.1.1'] });
    // The other is idle.
    expect(ask().decision).toMatchObject({ destination: '192.168.1.2:8000' });
    first.scheduled.responseHeaders(200, '192.168.1.2:8000');
    expect(ask().decision).toMatchObject({ destination: '192.168.1.1:8000' });
    director.update([endpoint(2)]);
    director.update([endpoint(2), endpoint(3)]);
    first.scheduled.completed();
    first.scheduled.completed();
    first.scheduled.cancel();
    expect(completed).toHaveLength(1);
    expect(ask().decision).toMatchObject({ destination: '192.168.1.3:8000' });
  });

  it('give the session token back with the response', () => {
    const { ask, picked } = fixture(configOf('session-affinity-scorer'), three);
    const { scheduled, decision } = ask();
    const [[name, token] = ['', '']] = scheduled.responseHeaders(200);
    const address = decision?.type === 'dispatch' ? decision.targets[0].address : '';
    for (let round = 0; round < 10; round += 1) expect(picked({ headers: { [name]: token } })).toBe(address);
  });
});

describe('disaggregated serving', () => {
  const config = parseConfig(`
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- {type: decode-filter}
- {type: prefill-filter}
- {type: always-disagg-pd-decider}
- {type: disagg-profile-handler, parameters: {deciders: {prefill: always-disagg-pd-decider}}}
- {type: queue-scorer}
schedulingProfiles:
- {name: decode, plugins: [{pluginRef: decode-filter}, {pluginRef: queue-scorer}]}
- {name: prefill, plugins: [{pluginRef: prefill-filter}, {pluginRef: queue-scorer}]}
`);

  it('decodes and prefills in different places, and goes without prefill where there is none', () => {
    const decode = endpoint(1, { 'llm-d.ai/role': 'decode' });
    const { director, ask } = fixture(config, [decode, endpoint(2, { 'llm-d.ai/role': 'prefill' })]);
    expect(ask().decision).toMatchObject({
      destination: '192.168.1.1:8000',
      setHeaders: [['x-prefiller-host-port', '192.168.1.2:8000']],
      removeHeaders: ['x-prefiller-host-port', 'x-encoder-hosts-ports'],
    });
    director.update([decode]);
    expect(ask().decision).toMatchObject({ destination: '192.168.1.1:8000', setHeaders: [] });
    director.update([endpoint(2, { 'llm-d.ai/role': 'prefill' })]);
    expect(ask().decision).toMatchObject({ httpStatus: 429, message: 'failed to find target endpoint' });
  });
});

describe('replay', () => {
  it('decides the same from the same inputs and seed, and differently from another seed', () => {
    const run = (seed: number): readonly string[] => {
      const config = configOf(
        'queue-scorer',
        'kv-cache-utilization-scorer',
        'prefix-cache-scorer',
        'weighted-random-picker',
      );
      const { director, ask, clock } = fixture(
        config,
        Array.from({ length: 20 }, (_, at) => endpoint(at)),
        {},
        seed,
      );
      const inputs = createRandom(7);
      return Array.from({ length: 300 }, (_, round) => {
        clock.advance(10);
        const key = endpoint(Math.floor(inputs.next() * 20)).key;
        director.recordMetrics(key, { waiting: Math.floor(inputs.next() * 9), kvUsage: inputs.next() });
        const hasher = director.promptHasher('completions');
        hasher?.push(Buffer.from(JSON.stringify({ prompt: `${'p'.repeat(100 * (round % 5))}${round}`.padStart(400) })));
        const { decision, scheduled } = ask({ prompt: hasher?.finish() });
        if (inputs.next() < 0.7) scheduled.completed();
        return decision?.type === 'dispatch' ? decision.destination : '';
      });
    };
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it('explains a decision by scorer, weight and total', () => {
    const traces: ProfileTrace[] = [];
    const config = configOf({ type: 'queue-scorer', weight: 2 }, 'kv-cache-utilization-scorer');
    const { director, picked } = fixture(config, [endpoint(1), endpoint(2)], {
      trace: (_, profiles) => void traces.push(...profiles),
    });
    director.recordMetrics(endpoint(1).key, { waiting: 4, kvUsage: 0.5 });
    director.recordMetrics(endpoint(2).key, { waiting: 0, kvUsage: 0.75 });
    picked();
    expect(traces).toMatchObject([
      {
        scorers: [
          { name: 'queue-scorer', weight: 2, scores: [0, 1] },
          { name: 'kv-cache-utilization-scorer', weight: 1, scores: [0.5, 0.25] },
        ],
        totals: [0.5, 2.25],
        picked: ['192.168.1.2:8000'],
      },
    ]);
  });
});
