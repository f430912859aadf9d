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
  'backendtlspolicies.gateway.networking.k8s.io': 'Name, Age',
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
  'envoyproxies.gateway.envoyproxy.io': 'Name, Accepted, Age',
  'inferenceservices.serving.kserve.io':
    'Name, URL, Ready, Prev, Latest, PrevRolledoutRevision, LatestReadyRevision, Age',
  'scaledobjects.keda.sh': 'Name, ScaleTargetKind, ScaleTargetName, Min, Max, Ready, Active, Age',
  'servingruntimes.serving.kserve.io': 'Name, Disabled, ModelType, Containers, Age',
  'clusterservingruntimes.serving.kserve.io': 'Name, Disabled, ModelType, Containers, Age',
  'modeldeployments.kubeairunway.ai': 'Name, Phase, Provider, Engine, Replicas, Age',
  'modeldeployments.airunway.ai': 'Name, Phase, Provider, Engine, Replicas, Age',
  'inferenceproviderconfigs.kubeairunway.ai': 'Name, Ready, Version, Age',
  'inferenceproviderconfigs.airunway.ai': 'Name, Ready, Version, Age',
  'aimservices.aim.eai.amd.com': 'Name, Status, Model, Template, Replicas, Age',
  'aimmodels.aim.eai.amd.com': 'Name, Status, Source, Image, Model, Age',
  'aimclustermodels.aim.eai.amd.com': 'Name, Status, Source, Image, Model, Age',
  'aimclustermodelsources.aim.eai.amd.com': 'Name, Status, Models, LastSync, Age',
  'aimservicetemplates.aim.eai.amd.com': 'Name, Model, Status, Hardware, Metric, Precision',
  'aimclusterservicetemplates.aim.eai.amd.com': 'Name, Model, Status, Hardware, Metric, Precision',
  'aimruntimeconfigs.aim.eai.amd.com': 'Name, Age',
  'aimclusterruntimeconfigs.aim.eai.amd.com': 'Name, Age',
  'aimtemplatecaches.aim.eai.amd.com': 'Name, Template, Mode, Status, Kind, Age',
  'aimartifacts.aim.eai.amd.com': 'Name, Status, Mode, Model Size, Progress, (Protocol), (Attempt), Age',
  'aimservices.aim.silogen.ai': 'Name, Status, Model, Template, Replicas, Age',
  'aimmodels.aim.silogen.ai': 'Name, Status, Image, Age',
  'aimclustermodels.aim.silogen.ai': 'Name, Status, Image, Age',
  'aimclustermodelsources.aim.silogen.ai': 'Name, Status, Models, LastSync, Age',
  'aimservicetemplates.aim.silogen.ai': 'Name, Status, Model, Engine, Metric, Precision, GPUs/replica, GPU',
  'aimclusterservicetemplates.aim.silogen.ai': 'Name, Status, Model, Engine, Metric, Precision, GPUs/replica, GPU',
  'aimruntimeconfigs.aim.silogen.ai': 'Name, Age',
  'aimclusterruntimeconfigs.aim.silogen.ai': 'Name, Age',
  'aimtemplatecaches.aim.silogen.ai': 'Name, Template, Status, Kind, Age',
  'aimmodelcaches.aim.silogen.ai': 'Name, Cache Size, Status, PVC, Age',
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
    'backendtlspolicies.gateway.networking.k8s.io': ['btlspolicy', 'gateway-api'],
    'inferencepools.inference.networking.k8s.io': ['infpool'],
    'inferencepools.inference.networking.x-k8s.io': ['xinfpool'],
    'gatewayconfigs.aigateway.envoyproxy.io': ['gwconfig'],
    'backends.gateway.envoyproxy.io': ['be', 'envoy-gateway'],
    'httproutefilters.gateway.envoyproxy.io': ['hrf', 'envoy-gateway'],
    'clienttrafficpolicies.gateway.envoyproxy.io': ['ctp', 'envoy-gateway'],
    'backendtrafficpolicies.gateway.envoyproxy.io': ['btp', 'envoy-gateway'],
    'envoyproxies.gateway.envoyproxy.io': ['eproxy', 'envoy-gateway'],
    'inferenceservices.serving.kserve.io': ['isvc'],
    'scaledobjects.keda.sh': ['so'],
    'aimservices.aim.eai.amd.com': ['aimsvc', 'aim', 'all'],
    'aimmodels.aim.eai.amd.com': ['aimmdl', 'aim', 'all'],
    'aimclustermodels.aim.eai.amd.com': ['aimclmdl', 'aim', 'all'],
    'aimclustermodelsources.aim.eai.amd.com': ['aimclsrc', 'aim', 'all'],
    'aimservicetemplates.aim.eai.amd.com': ['aimtpl', 'aim', 'all'],
    'aimclusterservicetemplates.aim.eai.amd.com': ['aimcltpl', 'aim', 'all'],
    'aimruntimeconfigs.aim.eai.amd.com': ['aimrc', 'aim', 'all'],
    'aimclusterruntimeconfigs.aim.eai.amd.com': ['aimclrc', 'aim', 'all'],
    'aimtemplatecaches.aim.eai.amd.com': ['aimtc', 'aim', 'all'],
    'aimartifacts.aim.eai.amd.com': ['aimart', 'aim', 'all'],
    'aimservices.aim.silogen.ai': ['aimsvc', 'aim', 'all'],
    'aimmodels.aim.silogen.ai': ['aimmdl', 'aim', 'all'],
    'aimclustermodels.aim.silogen.ai': ['aimclmdl', 'aim', 'all'],
    'aimclustermodelsources.aim.silogen.ai': ['aimclsrc', 'aim', 'all'],
    'aimservicetemplates.aim.silogen.ai': ['aimst', 'aim', 'all'],
    'aimclusterservicetemplates.aim.silogen.ai': ['aimclst', 'aim', 'all'],
    'aimruntimeconfigs.aim.silogen.ai': ['aimrcfg', 'aim', 'all'],
    'aimclusterruntimeconfigs.aim.silogen.ai': ['aimcrcfg', 'aim', 'all'],
    'aimtemplatecaches.aim.silogen.ai': ['aimtc', 'aim', 'all'],
    'aimmodelcaches.aim.silogen.ai': ['aimmc', 'aim', 'all'],
  });
});
