import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/picker/config/parse.ts';
import { endpoint, fixture } from '../fixture.ts';

function gated(flowControl: string, plugins = '') {
  const config = parseConfig(`
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
featureGates: [flowControl]
plugins: [{type: concurrency-detector, parameters: {maxConcurrency: 1}}, {type: queue-scorer}${plugins}]
schedulingProfiles: [{name: default, plugins: [{pluginRef: queue-scorer}]}]
saturationDetector: {pluginRef: concurrency-detector}
flowControl: ${flowControl}
`);
  const made = fixture(config, [endpoint(1)]);
  const objective = (name: string, priority: number) => ({
    apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
    kind: 'InferenceObjective',
    metadata: { name, namespace: 'ns' },
    spec: { priority, poolRef: { name: 'pool' } },
  });
  made.director.applyObjects([objective('high', 5), objective('low', -5)], []);
  /** Occupies the pool; then asks in this order and tells in which order they were let go. */
  const order = (asked: readonly { id: string; priority?: string; fairness?: string }[]): string[] => {
    const running = made.ask();
    expect(running.decision?.type).toBe('dispatch');
    const waiting = asked.map(({ id, priority = '', fairness = '' }) => {
      made.clock.advance(1);
      const headers = { 'x-gateway-inference-objective': priority, 'x-gateway-inference-fairness-id': fairness };
      return { id, asked: made.ask({ id, headers }) };
    });
    const left: string[] = [];
    running.scheduled.completed();
    while (left.length < waiting.length) {
      made.clock.advance(2);
      const next = waiting.find(({ id, asked: { decision } }) => decision !== undefined && !left.includes(id));
      if (next === undefined) throw new Error(`nobody was let go after ${left.join(', ')}`);
      left.push(next.id);
      next.asked.scheduled.completed();
    }
    return left;
  };
  return { ...made, order };
}

describe('flow control', () => {
  it('lets higher priorities go first, and within one those who came first', () => {
    const { order } = gated('{}');
    expect(order([{ id: 'a', priority: 'low' }, { id: 'b' }, { id: 'c', priority: 'high' }, { id: 'd' }])).toEqual([
      'c',
      'b',
      'd',
      'a',
    ]);
  });

  it('takes turns between flows where the band says so', () => {
    const { order } = gated(
      '{defaultPriorityBand: {fairnessPolicyRef: round-robin-fairness-policy}}',
      ', {type: round-robin-fairness-policy}',
    );
    const flows = ['a1', 'a2', 'a3', 'b1', 'b2'].map((id) => ({ id, fairness: id.charAt(0) }));
    expect(order(flows)).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
  });

  it('rejects what does not fit, evicts what waited too long, and lets the client leave', () => {
    const { ask, clock, director } = gated('{defaultRequestTTL: 5s, maxRequests: 2}');
    ask();
    const expires = ask();
    const leaves = ask();
    expect(ask().decision).toMatchObject({ httpStatus: 429, reason: 'rejected-saturated' });
    leaves.scheduled.cancel();
    expect(leaves.decision).toMatchObject({ httpStatus: 503, reason: 'rejected-context-cancelled' });
    expect(director.stats().queues).toMatchObject([
      { fairnessId: 'default-flow', priority: 0, requests: 1, bytes: 100 },
    ]);
    clock.advance(4_000);
    expect(expires.decision).toBeUndefined();
    clock.advance(2_500);
    expect(expires.decision).toMatchObject({ httpStatus: 503, reason: 'rejected-ttl-expired' });
    const last = ask();
    director.stop();
    expect(last.decision).toMatchObject({ httpStatus: 500 });
  });
});

describe('flows', () => {
  it('are forgotten when clients invent more and more of them', () => {
    const { director, ask } = gated('{}');
    for (let at = 0; at < 5_000; at += 1) {
      ask({ headers: { 'x-gateway-inference-fairness-id': `invented-${at}` } }).scheduled.completed();
    }
    expect(director.stats().queues.length).toBeLessThanOrEqual(1_000);
  });
});
