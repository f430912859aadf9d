import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { definitionOf, isCustom } from '../../src/kinds/apiextensions/printed.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { connectTo, startTestApi, type ApiCaller } from '../apiserver/harness.ts';
import { hasRealApiServer, skipMessage, startRealApiServer } from '../conformance/apiserver.ts';
import * as aim from './rules/aim.ts';
import * as aigateway from './rules/aigateway.ts';
import * as gateway from './rules/gateway.ts';
import * as httproute from './rules/httproute.ts';
import * as inference from './rules/inference.ts';
import * as tls from './rules/tls.ts';
import { collections, manifest, type GoodRow } from './rules/manifest.ts';

const groups = [aigateway, inference, httproute, gateway, tls, aim];
const badRows = groups.flatMap(({ bad }) => bad);
const plainRows = Object.keys(collections).map((kind): GoodRow => [kind, {}]);
const goodRows = [...plainRows, ...groups.flatMap(({ good }) => good)];

/** Installs our kinds in an API that does not know them. */
async function install(api: ApiCaller): Promise<void> {
  for (const kind of allKinds.filter(isCustom)) {
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const { body } = await api.call('POST', path, { body: definitionOf(kind) });
    expect(body.message).toBeUndefined();
  }
  for (const path of Object.values(collections)) {
    await vi.waitFor(
      async () => {
        expect((await api.call('GET', path)).status).toBe(200);
      },
      { timeout: 20_000 },
    );
  }
}

/** The same rows against the kinds as Headgate serves them, and against APIs that got them as CustomResourceDefinitions. */
const servers: Record<string, () => Promise<ApiCaller>> = {
  'built in': async () => startTestApi(),
  'installed from what headgate crds prints': async () => {
    const api = await startTestApi({ kinds: allKinds.filter((kind) => !isCustom(kind)) });
    await install(api);
    return api;
  },
  ...(hasRealApiServer && {
    'installed in kube-apiserver': async () => {
      const server = await startRealApiServer();
      const client = connectTo(server);
      const api: ApiCaller = {
        ...client,
        async close() {
          await client.close();
          await server.close();
        },
      };
      // A server that did not take our kinds must not be left behind.
      await install(api).catch(async (error: unknown) => {
        await api.close();
        throw error;
      });
      return api;
    },
  }),
};
if (!hasRealApiServer) console.warn(skipMessage);

describe.each(Object.entries(servers))('kinds %s', (_name, start) => {
  let api: ApiCaller;
  beforeAll(async () => {
    api = await start();
  }, 90_000);
  afterAll(async () => {
    await api.close();
  });

  const create = async (kind: string, changes: Record<string, unknown>) =>
    api.call('POST', `${collections[kind] ?? ''}?dryRun=All&fieldValidation=Strict`, { body: manifest(kind, changes) });

  test.each(badRows)('%s is refused: %$', async (kind, changes, field, message) => {
    const { status, body } = await create(kind, changes);
    const { causes } = body['details'] as { causes: { field: string; message: string }[] };
    expect(causes).toContainEqual(
      expect.objectContaining({ field, message: expect.stringContaining(message) as unknown }),
    );
    expect(status).toBe(422);
  });

  test.each(goodRows)('%s is accepted: %$', async (kind, changes) => {
    const { status, body } = await create(kind, changes);
    expect(body.message).toBeUndefined();
    expect(status).toBe(201);
  });

  test.each(aim.fixed)('%s: %s cannot change', async (kind, field, before, after) => {
    const path = collections[kind] ?? '';
    const body = manifest(kind, { [field]: before });
    body.metadata.name = `fixed-${field.toLowerCase().replaceAll('.', '-')}`;
    expect((await api.call('POST', path, { body })).status).toBe(201);
    const put = manifest(kind, { [field]: after });
    const contentType = 'application/merge-patch+json';
    const answer = await api.call('PATCH', `${path}/${body.metadata.name}`, { body: { spec: put.spec }, contentType });
    expect(answer.body.message).toContain(`${field.split('.').at(-1) ?? ''} is immutable`);
  });

  test("a GatewayClass's controller cannot change", async () => {
    const path = collections['GatewayClass'] ?? '';
    await api.call('POST', path, { body: manifest('GatewayClass', {}) });
    const patch = { spec: { controllerName: 'example.com/other' } };
    const contentType = 'application/merge-patch+json';
    const { body } = await api.call('PATCH', `${path}/row`, { body: patch, contentType });
    expect(body.message).toBe(
      'GatewayClass.gateway.networking.k8s.io "row" is invalid: spec.controllerName: Invalid value: "string": Value is immutable',
    );
  });
});
