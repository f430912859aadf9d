import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { AIMService } from '../../../../src/kinds/aim/aimservice.ts';
import { AIMTemplateCache } from '../../../../src/kinds/aim/aimtemplatecache.ts';
import { definitionOf } from '../../../../src/kinds/apiextensions/printed.ts';
import { Gateway } from '../../../../src/kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../../../src/kinds/gateway/httproute.ts';
import { InferenceService } from '../../../../src/kinds/kserve/inferenceservice.ts';
import { conditionOf, startServiceCluster, type ServiceCluster } from './servicecluster.ts';

let cluster: ServiceCluster;
beforeAll(async () => {
  cluster = await startServiceCluster({ without: [InferenceService, HTTPRoute, Gateway] });
});
afterAll(async () => {
  await cluster.stop();
});

it('tells which kinds the cluster does not serve, goes on as far as it can, and notices when they are installed', async () => {
  await cluster.apply(`
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMModel
metadata: { name: m }
spec: { image: 'registry.test/m:1' }
status: { status: Ready }
---
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMServiceTemplate
metadata: { name: t }
spec: { modelName: m }
status:
  status: Ready
  modelSources: [{ modelId: org/m, sourceUri: hf://org/m }]
  profile: { metadata: { type: optimized } }
---
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMService
metadata: { name: s }
spec: { model: { name: m }, routing: { enabled: true, gatewayRef: { name: g } } }
`);
  const ref = { namespace: 'ml-team', name: 's' };
  const degraded = await cluster.service(ref, 'Degraded', 'KServeNotInstalled');
  expect(conditionOf(degraded, 'InferenceServiceReady')?.message).toContain('install KServe');
  expect(conditionOf(degraded, 'HTTPRouteReady')).toMatchObject({ reason: 'GatewayAPINotInstalled' });
  const cache = { namespace: 'ml-team', name: 't-a04542d9' };
  await cluster.eventually(AIMTemplateCache, cache, (found) => found !== undefined);
  await cluster.setStatus(AIMTemplateCache, cache, { status: 'Ready' });
  await cluster.eventually(
    AIMService,
    ref,
    (found) => found !== undefined && conditionOf(found, 'CacheReady')?.status === 'True',
  );

  for (const kind of [InferenceService, HTTPRoute, Gateway]) {
    await cluster.apply(stringify(definitionOf(kind), { aliasDuplicateObjects: false }));
  }
  const made = { namespace: 'ml-team', name: 's-a04542d9' };
  await cluster.eventually(InferenceService, made, (found) => found !== undefined);
  await cluster.eventually(HTTPRoute, made, (found) => found !== undefined);
  await cluster.service(ref, 'Starting', 'HTTPRoutePending');
});
