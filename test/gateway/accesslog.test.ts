import { describe, expect, it, onTestFinished } from 'vitest';
import { partsOf, type AccessLog } from '../../src/routes/accesslog.ts';
import { backend, startFixture, table, target, until } from './fixture.ts';

/** What a request to model `m` is written as. */
async function linesOf(log: Partial<AccessLog>, headers: Record<string, string> = {}): Promise<string[]> {
  const lines: string[] = [];
  const fixture = await startFixture({ writeLine: (path, line) => void lines.push(`${path} ${line}`) });
  onTestFinished(() => fixture.close());
  const { endpoint } = await fixture.upstream((_, response) => response.writeHead(201).end('{}'));
  const logged: AccessLog = { path: '/dev/stdout', format: { type: 'text', text: '' }, when: [], ...log };
  const llm = { schema: { name: 'OpenAI', prefix: 'v1' } };
  fixture.plane.apply(
    table([{ model: 'm', backends: [backend(target([endpoint]), { llm })] }], { accessLogs: [logged] }),
  );
  const answer = await fixture.chat({ model: 'm', messages: [] }, { 'user-agent': 'tester', ...headers });
  await answer.body.dump();
  await until(() => fixture.plane.stats().inFlight === 0, 'the end of the request');
  return lines.map((line) => line.replace(endpoint.key, 'ENDPOINT'));
}

describe('access logs', () => {
  it('are written as Envoy writes lines', async () => {
    const text =
      '%PROTOCOL% %REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %RESPONSE_CODE% %UPSTREAM_HOST% "%REQ(USER-AGENT):4%" %RESPONSE_FLAGS%\n';
    expect(await linesOf({ format: { type: 'text', text } })).toEqual([
      '/dev/stdout HTTP/1.1 POST /v1/chat/completions 201 ENDPOINT "test" -',
    ]);
  });

  it('are written as JSON whose fields keep their types', async () => {
    const fields = {
      'gen_ai.request.model': '%REQ(X-AI-EG-MODEL)%',
      code: '%RESPONSE_CODE%',
      both: '%REQ(:METHOD)% %RESPONSE_CODE%',
      none: '%RESP(X-NONE)%',
      fixed: 'yes',
    };
    const [line = ''] = await linesOf({ format: { type: 'json', fields }, path: '/dev/stderr' });
    expect(line).toMatch(/^\/dev\/stderr /);
    expect(JSON.parse(line.replace('/dev/stderr ', ''))).toEqual({
      'gen_ai.request.model': 'm',
      code: 201,
      both: 'POST 201',
      none: null,
      fixed: 'yes',
    });
  });

  it('hold no credential, and no line that a client made up', async () => {
    const text = '%REQ(AUTHORIZATION)% %REQ(X-API-KEY)% %REQ(X-AIGW-API-KEY)% %REQ(X-AIGW-AWS-SECRET-ACCESS-KEY)%';
    const names = ['authorization', 'x-api-key', 'x-aigw-api-key', 'x-aigw-aws-secret-access-key'];
    const lines = await linesOf(
      { format: { type: 'text', text } },
      Object.fromEntries(names.map((name) => [name, 'PLANTED'])),
    );
    expect(lines).toEqual(['/dev/stdout [REDACTED] [REDACTED] [REDACTED] [REDACTED]']);
  });

  it.each<[string[], boolean]>([
    [["request.headers['x-ai-eg-model'] != ''"], true],
    [["'x-ai-eg-model' in request.headers", 'response.code == 201'], true],
    [["request.headers['x-none'] != ''"], false],
    [['response.code >= 500'], false],
    [['not CEL ('], false],
  ])('are written when %j', async (when, written) => {
    expect(await linesOf({ when, format: { type: 'text', text: 'x' } })).toHaveLength(written ? 1 : 0);
  });

  it('have formats of text and operators', () => {
    expect(partsOf('a %REQ(X-A?X-B):8%%DURATION% 100%')).toEqual([
      'a ',
      { operator: 'REQ', argument: 'X-A?X-B', longest: 8 },
      { operator: 'DURATION', argument: '' },
      ' 100%',
    ]);
  });
});
