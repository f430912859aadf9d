import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/picker/config/parse.ts';
import type { Decision } from '../../../src/picker/decision.ts';
import { createDirector } from '../../../src/picker/director.ts';
import type { Render, Rendered } from '../../../src/picker/ports.ts';
import { createVirtualClock } from '../../../src/simulator/clock.ts';
import { configOf, endpoint } from '../fixture.ts';

/** A director that asks for token ids; the test answers. */
function asking(parameters: object = {}) {
  const asked: {
    url: string;
    body: string;
    timeoutMs: number;
    answer: (rendered: Rendered) => void;
    cancelled: boolean;
  }[] = [];
  const render: Render = (url, body, timeoutMs, done) => {
    const question = { url, body: body.toString(), timeoutMs, answer: done, cancelled: false };
    asked.push(question);
    return () => {
      question.cancelled = true;
    };
  };
  const clock = createVirtualClock();
  const seen: (ArrayLike<number> | undefined)[] = [];
  const failed: string[] = [];
  const config = configOf('queue-scorer');
  const director = createDirector({
    config: {
      ...config,
      plugins: [...config.plugins, { name: 'token-producer', type: 'token-producer', parameters: { ...parameters } }],
    },
    pool: { namespace: 'ns', name: 'pool' },
    clock: () => clock.now(),
    random: () => 0,
    timers: clock,
    observer: {
      decided: (request) => void seen.push(request.tokens),
      renderFailed: (url) => void failed.push(url),
    },
    render,
  });
  director.update([endpoint(1), endpoint(2)]);
  const ask = (more: object = {}) => {
    const decisions: Decision[] = [];
    const scheduled = director.schedule(
      {
        id: 'r',
        header: () => undefined,
        incomingModel: 'm',
        streaming: false,
        bodyBytes: 1,
        renderable: { api: 'chat-completions', body: (model) => Buffer.from(`for ${model}`) },
        ...more,
      },
      (decision) => void decisions.push(decision),
    );
    return { scheduled, decisions };
  };
  return { asked, ask, seen, failed, clock, director };
}

describe('token-producer (epp.md 5.6)', () => {
  it('asks an endpoint of the pool for the token ids before a decision', () => {
    const { asked, ask, seen } = asking();
    const { decisions } = ask();
    expect(decisions).toEqual([]);
    expect(asked).toMatchObject([
      { url: 'http://192.168.1.1:8000/v1/chat/completions/render', body: 'for m', timeoutMs: 400 },
    ]);
    asked[0]?.answer({ tokens: [1, 2] });
    expect(decisions).toMatchObject([{ type: 'dispatch' }]);
    expect(seen).toEqual([[1, 2]]);
  });

  it('asks the server and for the model that it is told to', () => {
    const { asked, ask } = asking({ modelName: 'base', vllm: { http: 'http://render:8000/' }, timeout: '50ms' });
    ask({ renderable: { api: 'completions', body: (model: string) => Buffer.from(`for ${model}`) } });
    expect(asked).toMatchObject([{ url: 'http://render:8000/v1/completions/render', body: 'for base', timeoutMs: 50 }]);
  });

  it('goes on without token ids, and lets a server rest that has not answered', () => {
    const { asked, ask, seen, failed, clock } = asking();
    for (let at = 0; at < 2; at += 1) {
      ask();
      asked[at]?.answer({ error: 'no answer within 400 ms' });
    }
    expect(failed).toEqual(['http://192.168.1.1:8000', 'http://192.168.1.2:8000']);
    // Both rest: the third is decided on at once.
    expect(ask().decisions).toHaveLength(1);
    clock.advance(5_001);
    ask();
    expect(asked).toHaveLength(3);
    expect(seen).toEqual([undefined, undefined, undefined]);
  });

  it('asks nobody where there is nothing to render, or the ids are known', () => {
    const { asked, ask, seen } = asking();
    ask({ renderable: undefined });
    ask({ tokens: [7] });
    expect(asked).toEqual([]);
    expect(seen).toEqual([undefined, [7]]);
  });

  it('stops asking for a client that has gone', () => {
    const { asked, ask } = asking();
    const { scheduled, decisions } = ask();
    scheduled.cancel();
    expect(asked[0]?.cancelled).toBe(true);
    expect(decisions).toMatchObject([{ type: 'drop', reason: 'rejected-context-cancelled' }]);
  });

  it('asks no more than so many at a time', () => {
    const { asked, ask } = asking();
    const all = Array.from({ length: 300 }, () => ask());
    expect(asked).toHaveLength(256);
    expect(all.filter(({ decisions }) => decisions.length === 1)).toHaveLength(44);
  });

  it('comes by itself with precise-prefix-cache-scorer, and is refused what it cannot use', () => {
    const types = configOf('precise-prefix-cache-scorer').plugins.map(({ type }) => type);
    expect(types).toContain('token-producer');
    const config = (parameters: string): string =>
      `{apiVersion: llm-d.ai/v1alpha1, kind: EndpointPickerConfig, plugins: [{type: token-producer, parameters: ${parameters}}]}`;
    expect(() => parseConfig(config('{vllm: {http: "unix:/x"}}'))).toThrow(/vllm\.http: an http URL expected/);
    expect(() => parseConfig(config('{uds: {socketFile: x}}'))).toThrow(/uds: unknown field/);
  });
});
