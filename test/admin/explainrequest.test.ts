import { describe, expect, it } from 'vitest';
import { explainRequest } from '../../src/admin/explainrequest.ts';
import type { AskedRequest } from '../../src/admin/resources.ts';
import { linkTable } from '../../src/routes/index.ts';
import type { RouteTable } from '../../src/routes/table.ts';
import { backend, endpointAt, table, target } from '../gateway/fixture.ts';

const models = [{ id: 'm', ownedBy: 'o', created: 1 }];
const to = (): ReturnType<typeof backend> => backend(target([endpointAt(1)]));
const byModel = { headers: [{ name: 'x-gateway-model-name', value: 'm' }] };
const json = [['content-type', 'application/json']] as const;
const form = [['content-type', 'multipart/form-data; boundary=X']] as const;

function explained(
  served: RouteTable,
  asked: Partial<AskedRequest>,
): { rule: string | undefined; answer: string | undefined } {
  const linked = linkTable(served);
  const sources = { table: () => linked, picker: { explain: () => undefined }, originOf: () => undefined };
  const request = { method: 'POST', url: 'http://h/x', headers: [], body: '', ...asked };
  const [listener] = explainRequest(sources, request).listeners;
  return { rule: listener?.rule?.split('/').at(-1), answer: listener?.answer };
}

describe('a request is explained as the gateway treats it', () => {
  const plain = table([
    { match: byModel, backends: [to()] },
    { match: { path: { type: 'PathPrefix', value: '/v1/audio' } }, backends: [to()] },
  ]);

  it.each<[string, Partial<AskedRequest>, string | undefined, string | undefined]>([
    ['a model in JSON at any path', { headers: json, body: '{"model":"m"}' }, '0', undefined],
    ['JSON without a model', { headers: json, body: '{}' }, undefined, '404, no route of this listener takes it'],
    [
      'a body that cannot be read, and no route for it',
      { url: 'http://h/v1/chat/completions', headers: json, body: '{' },
      undefined,
      '400, the body is no JSON object: unexpected end of JSON input',
    ],
    [
      'a body that cannot be read, and a route for its path',
      { url: 'http://h/v1/audio/speech', headers: json, body: '{' },
      '1',
      undefined,
    ],
    [
      'a form with a model',
      {
        url: 'http://h/v1/audio/transcriptions',
        headers: form,
        body: '--X\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--X--\r\n',
      },
      '1',
      undefined,
    ],
  ])('%s', (_, asked, rule, answer) => {
    expect(explained(plain, asked)).toEqual({ rule, answer });
  });

  it('the list of models is the gateway’s own, unless a plain route has the path or host', () => {
    const asked = { method: 'GET', url: 'http://h/v1/models' };
    const own = '200, the models there are';
    expect(explained(table([{ model: 'm', backends: [to()] }], {}, {}, { models }), asked)).toEqual({
      rule: undefined,
      answer: own,
    });
    const everything = table([{ match: byModel, backends: [to()] }, { backends: [to()] }], {}, {}, { models });
    expect(explained(everything, asked)).toEqual({ rule: undefined, answer: own });
    const hosted = table(
      [{ match: byModel, backends: [to()] }, { backends: [to()] }],
      {},
      {},
      { models, hostnames: ['h'] },
    );
    expect(explained(hosted, asked)).toEqual({ rule: '1', answer: undefined });
  });
});
