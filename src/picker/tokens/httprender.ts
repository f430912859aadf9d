/** Asks vLLM's render endpoints for token ids over HTTP (epp.md 5.6). */
import { Agent, request } from '../../wire/undici.ts';
import type { Render } from '../ports.ts';

export interface HttpRender {
  readonly render: Render;
  readonly close: () => Promise<void>;
}

const maxAnswerBytes = 16 * 1024 * 1024;

export function createHttpRender(): HttpRender {
  const agent = new Agent({ connections: 16, pipelining: 1, connectTimeout: 1_000, maxResponseSize: maxAnswerBytes });
  const ask = async (url: string, body: Buffer, signal: AbortSignal): Promise<ArrayLike<number>> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await request(url, { dispatcher: agent, method: 'POST', headers, body, signal });
    if (answer.statusCode !== 200) {
      await answer.body.dump();
      throw new Error(`status ${answer.statusCode}`);
    }
    const tokens = tokensOf(await answer.body.json());
    if (tokens === undefined) throw new Error('the answer has no token_ids');
    return tokens;
  };
  return {
    render(url, body, timeoutMs, done) {
      const stop = new AbortController();
      let over = false;
      const finish = (rendered: Parameters<typeof done>[0]): void => {
        if (over) return;
        over = true;
        clearTimeout(timer);
        done(rendered);
      };
      const timer = setTimeout(() => {
        finish({ error: `no answer within ${timeoutMs} ms` });
        stop.abort();
      }, timeoutMs);
      ask(url, body, stop.signal).then(
        (tokens) => finish({ tokens }),
        (error: unknown) => finish({ error: error instanceof Error ? error.message : String(error) }),
      );
      return () => {
        over = true;
        clearTimeout(timer);
        stop.abort();
      };
    },
    close: () => agent.destroy(),
  };
}

/** A request to generate from token ids, or a list of these of which the first counts: completions may have several prompts. */
function tokensOf(answer: unknown): readonly number[] | undefined {
  const first: unknown = Array.isArray(answer) ? answer[0] : answer;
  if (typeof first !== 'object' || first === null || !('token_ids' in first)) return undefined;
  const isNumber = (item: unknown): item is number => typeof item === 'number';
  return Array.isArray(first.token_ids) && first.token_ids.every(isNumber) ? first.token_ids : undefined;
}
