import { describe, expect, it } from 'vitest';
import { findLlmEndpoint, openAiUpstreamPath } from '../../src/llm/endpoints.ts';
import { errorBody, errorEvent, malformedRequest } from '../../src/llm/errors.ts';
import { listModels, modelsForHost } from '../../src/llm/models.ts';

describe('endpoints', () => {
  it('are found by method and exact path', () => {
    expect(findLlmEndpoint('POST', '/v1/chat/completions')?.operation).toBe('chat');
    expect(findLlmEndpoint('GET', '/v1/chat/completions')).toBeUndefined();
    expect(findLlmEndpoint('POST', '/v1/chat/completions/')).toBeUndefined();
    expect(findLlmEndpoint('GET', '/v1/models')?.model).toBe('none');
  });

  it.each([
    ['/v1/chat/completions', undefined, '/v1/chat/completions'],
    ['/v1/chat/completions', 'v1beta/openai', '/v1beta/openai/chat/completions'],
    ['/v1/embeddings', '/api/v3/', '/api/v3/embeddings'],
    ['/v1/completions', '/', '/completions'],
    ['/tokenize', 'v2', '/tokenize'],
    ['/anthropic/v1/messages', undefined, undefined],
  ])('%s with prefix %s goes to %s', (path, prefix, expected) => {
    const endpoint = findLlmEndpoint('POST', path);
    expect(endpoint && openAiUpstreamPath(endpoint, prefix)).toBe(expected);
  });
});

describe('errors', () => {
  it('have the shape of aigateway.md 3.6, escaped', () => {
    expect(errorBody(400, malformedRequest('/v1/completions', `unexpected '"'`))).toBe(
      `{"type":"error","error":{"type":"BadRequest","code":"400","message":"malformed request: failed to parse JSON for /v1/completions: unexpected '\\"'"}}`,
    );
    expect(errorEvent(504, 'late')).toBe(
      'data: {"type":"error","error":{"type":"GatewayTimeout","code":"504","message":"late"}}\n\n',
    );
  });
});

describe('model listing', () => {
  const a = { id: 'a', ownedBy: 'Envoy AI Gateway', created: 1_700_000_000 };
  const b = { ...a, id: 'b' };
  const c = { ...a, id: 'c' };
  const models = {
    all: [a, b, c],
    byHost: new Map([
      ['api.example.com', [a]],
      ['*.example.com', [b]],
    ]),
    unscoped: [c],
  };

  it.each([
    ['', ['a', 'b', 'c']],
    ['api.example.com', ['a']],
    ['other.example.com', ['b']],
    ['two.labels.example.com', ['c']],
    ['elsewhere.org', ['c']],
    ['localhost', ['c']],
  ])('for host "%s"', (host, ids) => {
    expect(modelsForHost(models, host).map((model) => model.id)).toEqual(ids);
  });

  it('lists all where no route has a hostname', () => {
    expect(modelsForHost({ ...models, byHost: new Map() }, 'any')).toHaveLength(3);
  });

  it('answers in the shape of either family', () => {
    expect(listModels('OpenAI', [a])).toBe(
      '{"object":"list","data":[{"id":"a","object":"model","created":1700000000,"owned_by":"Envoy AI Gateway"}]}',
    );
    expect(JSON.parse(listModels('Anthropic', [a, b]))).toEqual({
      data: [
        { id: 'a', type: 'model', display_name: 'a', created_at: '2023-11-14T22:13:20Z' },
        { id: 'b', type: 'model', display_name: 'b', created_at: '2023-11-14T22:13:20Z' },
      ],
      first_id: 'a',
      last_id: 'b',
      has_more: false,
    });
  });
});
