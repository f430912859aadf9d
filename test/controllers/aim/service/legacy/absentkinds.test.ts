import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { definitionOf } from '../../../../../src/kinds/apiextensions/printed.ts';
import { Gateway } from '../../../../../src/kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../../../../src/kinds/gateway/httproute.ts';
import { InferenceService } from '../../../../../src/kinds/kserve/inferenceservice.ts';
import { PersistentVolumeClaim } from '../../../../../src/kinds/core/persistentvolumeclaim.ts';
import type { ServiceCluster } from '../servicecluster.ts';
import { conditionOf, inTeam, serviceIs, serving, startLegacyCluster } from './legacycluster.ts';

let cluster: ServiceCluster;
beforeAll(async () => {
  cluster = await startLegacyCluster({ without: [InferenceService, HTTPRoute, Gateway] });
});
afterAll(async () => {
  await cluster.stop();
});

it('tells which kinds the cluster does not serve, goes on as far as it can, and notices when they are installed', async () => {
  await cluster.apply(serving('s', ', routing: { enabled: true, gatewayRef: { name: g } }'));
  const degraded = await serviceIs(cluster, 's', 'Degraded', {
    RuntimeReady: 'RuntimeFailed',
    RoutingReady: 'RouteFailed',
  });
  expect(conditionOf(degraded, 'RuntimeReady')?.message).toContain('install KServe');
  expect(conditionOf(degraded, 'RoutingReady')?.message).toContain('install the Gateway API');
  await cluster.eventually(PersistentVolumeClaim, inTeam('s-temp-cache'), (found) => found !== undefined);
  for (const kind of [InferenceService, HTTPRoute, Gateway]) {
    await cluster.apply(stringify(definitionOf(kind), { aliasDuplicateObjects: false }));
  }
  await cluster.eventually(InferenceService, inTeam('s'), (found) => found !== undefined);
  await cluster.eventually(HTTPRoute, inTeam('s-route'), (found) => found !== undefined);
  await serviceIs(cluster, 's', 'Starting', { RuntimeReady: 'CreatingRuntime', RoutingReady: 'ConfiguringRoute' });
});
