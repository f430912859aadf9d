import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineKind } from '../../src/kinds/kind.ts';
import type { KubeObject } from '../../src/kinds/object.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { objectSchema } from '../../src/kinds/schema.ts';
import { startTestApi, type JsonAnswer, type TestApi } from './harness.ts';

/** One kind with two shapes: v1beta1 has one port, v1, which is stored, a list of them. */

type Converted = KubeObject & {
  spec: { port?: number; ports?: { number: number }[] };
  status?: { port?: number; ports?: number[] };
};

const served = defineKind<Converted>({
  group: 'test.example.com',
  kind: 'Server',
  plural: 'servers',
  // A definition of a custom resource could not say how to convert.
  builtin: true,
  versions: [
    {
      name: 'v1',
      served: true,
      schema: objectSchema({
        spec: Type.Object({
          ports: Type.Array(Type.Object({ number: Type.Integer({ minimum: 1 }) }), {
            minItems: 1,
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['number'],
          }),
          host: Type.Optional(Type.String()),
        }),
        status: Type.Optional(Type.Object({ ports: Type.Optional(Type.Array(Type.Integer())) })),
      }),
      printerColumns: [{ name: 'Ports', type: 'string', jsonPath: '.spec.ports[*].number' }],
    },
    {
      name: 'v1beta1',
      served: true,
      schema: objectSchema({
        spec: Type.Object({ port: Type.Integer({ minimum: 1, default: 80 }), host: Type.Optional(Type.String()) }),
        status: Type.Optional(Type.Object({ port: Type.Optional(Type.Integer()) })),
      }),
      printerColumns: [{ name: 'Port', type: 'integer', jsonPath: '.spec.port' }],
      toStorage: (object) => {
        const { spec, status, ...rest } = object as Converted;
        const { port = 80, ...others } = spec;
        return {
          ...rest,
          spec: { ...others, ports: [{ number: port }] },
          ...(status?.port !== undefined && { status: { ports: [status.port] } }),
        };
      },
      fromStorage: (object) => {
        const { spec, status, ...rest } = object as Converted;
        const { ports = [], ...others } = spec;
        return {
          ...rest,
          spec: { ...others, port: ports[0]?.number ?? 0 },
          ...(status?.ports?.[0] !== undefined && { status: { port: status.ports[0] } }),
        };
      },
    },
  ],
});

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ kinds: [...allKinds, served] });
});
afterAll(async () => {
  await api.close();
});

const at = (version: string, rest = '') => `/apis/test.example.com/${version}/namespaces/default/servers${rest}`;
const old = (name: string, spec: object) => ({
  apiVersion: 'test.example.com/v1beta1',
  kind: 'Server',
  metadata: { name },
  spec,
});
const merge = 'application/merge-patch+json';
const spec = async (version: string, name: string): Promise<unknown> =>
  (await api.call('GET', at(version, `/${name}`))).body.spec;

describe('a kind whose versions have different shapes', () => {
  it('is written at one version and read at the other', async () => {
    const created = await api.call('POST', at('v1beta1'), { body: old('a', {}) });
    expect([created.status, created.body['apiVersion'], created.body.spec]).toEqual([
      201,
      'test.example.com/v1beta1',
      { port: 80 },
    ]);
    const { body } = await api.call('GET', at('v1', '/a'));
    expect([body['apiVersion'], body.spec]).toEqual(['test.example.com/v1', { ports: [{ number: 80 }] }]);
  });

  it('is validated by the version of the request', async () => {
    const refused = await api.call('POST', at('v1beta1'), { body: old('refused', { port: 0 }) });
    expect(refused.body.message).toContain('spec.port: Invalid value: 0');
  });

  it('is patched at either version, and not written when the stored shape stays the same', async () => {
    await api.call('POST', at('v1beta1'), { body: old('b', { port: 81, host: 'h' }) });
    const patched = await api.call('PATCH', at('v1beta1', '/b'), { contentType: merge, body: { spec: { port: 82 } } });
    expect(patched.body.spec).toEqual({ port: 82, host: 'h' });
    const ports = { spec: { ports: [{ number: 83 }, { number: 84 }] } };
    const changed = await api.call('PATCH', at('v1', '/b'), { contentType: merge, body: ports });
    expect(await spec('v1beta1', 'b')).toEqual({ host: 'h', port: 83 });
    const same = await api.call('PATCH', at('v1', '/b'), { contentType: merge, body: ports });
    expect(same.body.metadata).toEqual(changed.body.metadata);
  });

  it('is updated and has its status written in the shape of the request', async () => {
    await api.call('POST', at('v1beta1'), { body: old('c', { port: 85 }) });
    const { body } = await api.call('GET', at('v1beta1', '/c'));
    const updated = await api.call('PUT', at('v1beta1', '/c'), { body: { ...body, spec: { port: 86 } } });
    expect([updated.status, updated.body.spec]).toEqual([200, { port: 86 }]);
    const status = { contentType: merge, body: { status: { port: 86 } } };
    expect((await api.call('PATCH', at('v1beta1', '/c/status'), status)).body.status).toEqual({ port: 86 });
    expect((await api.call('GET', at('v1', '/c'))).body).toMatchObject({
      spec: { ports: [{ number: 86 }] },
      status: { ports: [86] },
    });
  });

  it('is listed, watched and shown in tables in the shape of the request', async () => {
    await api.call('POST', at('v1'), {
      body: {
        apiVersion: 'test.example.com/v1',
        kind: 'Server',
        metadata: { name: 'd' },
        spec: { ports: [{ number: 90 }] },
      },
    });
    const list = await api.call('GET', at('v1beta1', '?fieldSelector=metadata.name=d'));
    expect(list.body.items?.map((item) => [item['apiVersion'], item.spec])).toEqual([
      ['test.example.com/v1beta1', { port: 90 }],
    ]);
    const ending = new AbortController();
    const events: JsonAnswer[] = [];
    for await (const event of api.watch(at('v1beta1', '?watch=1&fieldSelector=metadata.name=d'), ending.signal)) {
      events.push(event.object);
      if (events.length === 2) break;
      await api.call('PATCH', at('v1', '/d'), { contentType: merge, body: { spec: { ports: [{ number: 91 }] } } });
    }
    ending.abort();
    expect(events.map((object) => [object['apiVersion'], object.spec])).toEqual([
      ['test.example.com/v1beta1', { port: 90 }],
      ['test.example.com/v1beta1', { port: 91 }],
    ]);
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
    const table = await api.call('GET', at('v1beta1', '/d'), { headers });
    expect(table.body['rows']).toMatchObject([{ cells: ['d', 91] }]);
  });

  it('is applied at either version: fields are owned as each version names them', async () => {
    const apply = (version: string, manager: string, configured: object, force = false) =>
      api.call('PATCH', at(version, `/e?fieldManager=${manager}${force ? '&force=true' : ''}`), {
        contentType: 'application/apply-patch+yaml',
        body: { apiVersion: `test.example.com/${version}`, kind: 'Server', metadata: { name: 'e' }, spec: configured },
      });
    const created = await apply('v1beta1', 'one', { port: 92 });
    expect(created.status).toBe(201);
    expect(created.body.metadata?.['managedFields']).toMatchObject([
      { manager: 'one', apiVersion: 'test.example.com/v1beta1', fieldsV1: { 'f:spec': { 'f:port': {} } } },
    ]);
    const shared = await apply('v1', 'two', { ports: [{ number: 92 }], host: 'h' });
    expect([shared.status, shared.body.message]).toEqual([200, undefined]);
    expect(await spec('v1beta1', 'e')).toEqual({ port: 92, host: 'h' });
    const conflicting = await apply('v1beta1', 'three', { port: 93 });
    expect(conflicting.status).toBe(409);
    expect(conflicting.body.message).toContain('conflict with "one"');
    expect((await apply('v1beta1', 'three', { port: 93 }, true)).body.spec).toEqual({ port: 93, host: 'h' });
  });
});
