import { afterAll, beforeAll, expect, test } from 'vitest';
import { isCustom } from '../../src/kinds/apiextensions/printed.ts';
import { apiVersionOf, type Kind } from '../../src/kinds/kind.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { startTestApi, type TestApi } from '../apiserver/harness.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api.close();
});

/** What `kubectl get <kind>` shows, and `-o wide` in parentheses. */
const columns: Readonly<Record<string, string>> = {
  'gatewayclasses.gateway.networking.k8s.io': 'Name, Controller, Accepted, Age, (Description)',
  'gateways.gateway.networking.k8s.io': 'Name, Class, Address, Programmed, Age',
  'httproutes.gateway.networking.k8s.io': 'Name, Hostnames, Age',
  'referencegrants.gateway.networking.k8s.io': 'Name, Age',
  'inferencepools.inference.networking.k8s.io': 'Name, Age',
  'inferencepools.inference.networking.x-k8s.io': 'Name, Age',
  'inferenceobjectives.inference.networking.x-k8s.io': 'Name, Inference Pool, Priority, Age',
  'inferencemodelrewrites.inference.networking.x-k8s.io': 'Name, Inference Pool, Age',
  'aigatewayroutes.aigateway.envoyproxy.io': 'Name, Status',
  'aiservicebackends.aigateway.envoyproxy.io': 'Name, Status',
  'backendsecuritypolicies.aigateway.envoyproxy.io': 'Name, Status',
  'gatewayconfigs.aigateway.envoyproxy.io': 'Name, Status',
  'backends.gateway.envoyproxy.io': 'Name, Status, Age',
  'httproutefilters.gateway.envoyproxy.io': 'Name, Age',
  'clienttrafficpolicies.gateway.envoyproxy.io': 'Name, Accepted, Age',
  'backendtrafficpolicies.gateway.envoyproxy.io': 'Name, Accepted, Age',
};

const qualified = ({ plural, group }: Kind) => `${plural}.${group}`;
const own = allKinds.filter(isCustom);

interface Column {
  name: string;
  priority: number;
}

const versions = own.flatMap((kind) =>
  kind.versions.map((version) => [apiVersionOf(kind, version.name), qualified(kind), kind] as const),
);

test.each(versions)('%s %s has its columns', async (apiVersion, name, { plural }) => {
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const { body } = await api.call('GET', `/apis/${apiVersion}/${plural}`, { headers: { accept } });
  const shown = (body['columnDefinitions'] as Column[]).map((one) => (one.priority > 0 ? `(${one.name})` : one.name));
  expect(shown.join(', ')).toBe(columns[name]);
});

test('no kind is forgotten here', () => {
  expect(own.map(qualified).toSorted()).toEqual(Object.keys(columns).toSorted());
});

test('short names and categories are those users know', () => {
  const named = own.filter(({ shortNames, categories }) => shortNames.length + categories.length > 0);
  expect(Object.fromEntries(named.map((kind) => [qualified(kind), [...kind.shortNames, ...kind.categories]]))).toEqual({
    'gatewayclasses.gateway.networking.k8s.io': ['gc', 'gateway-api'],
    'gateways.gateway.networking.k8s.io': ['gtw', 'gateway-api'],
    'httproutes.gateway.networking.k8s.io': ['gateway-api'],
    'referencegrants.gateway.networking.k8s.io': ['refgrant', 'gateway-api'],
    'inferencepools.inference.networking.k8s.io': ['infpool'],
    'inferencepools.inference.networking.x-k8s.io': ['xinfpool'],
    'gatewayconfigs.aigateway.envoyproxy.io': ['gwconfig'],
    'backends.gateway.envoyproxy.io': ['be', 'envoy-gateway'],
    'httproutefilters.gateway.envoyproxy.io': ['hrf', 'envoy-gateway'],
    'clienttrafficpolicies.gateway.envoyproxy.io': ['ctp', 'envoy-gateway'],
    'backendtrafficpolicies.gateway.envoyproxy.io': ['btp', 'envoy-gateway'],
  });
});
