import { Type } from '../type.ts';
import { describeFields, under } from '../describe.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { freeForm, listMap, objectSchema } from '../schema.ts';
import { apiGroup, conditionsStatus, llmRequestCost, versions, costDescriptions } from './fields.ts';

/** GatewayConfig: settings that Gateways opt into by annotation (aigateway.md 1.4). */

const spec = Type.Object({
  extProc: Type.Optional(
    Type.Object({
      kubernetes: Type.Optional(freeForm({ description: 'Settings of the processor sidecar in Envoy mode.' })),
    }),
  ),
  globalLLMRequestCosts: Type.Optional(listMap(['metadataKey'], llmRequestCost)),
  forwardProxy: Type.Optional(Type.Object({ address: Type.String({ minLength: 1 }) })),
});

export type GatewayConfig = ObjectOf<typeof spec, typeof conditionsStatus>;

const descriptions = {
  spec: 'The settings.',
  'spec.extProc': 'The processor of Envoy mode.',
  'spec.globalLLMRequestCosts': 'What is counted of each request of every route, unless the route counts it otherwise.',
  ...under('spec.globalLLMRequestCosts', costDescriptions),
  'spec.forwardProxy': 'An HTTP CONNECT proxy for connections to backends.',
  'spec.forwardProxy.address': 'host:port of the proxy.',
  status: 'What the controllers found out.',
};

export const GatewayConfig = defineKind<GatewayConfig>({
  group: apiGroup,
  kind: 'GatewayConfig',
  plural: 'gatewayconfigs',
  shortNames: ['gwconfig'],
  versions: versions(
    describeFields(
      objectSchema({ spec, status: Type.Optional(conditionsStatus) }),
      'Settings that Gateways opt into with the annotation aigateway.envoyproxy.io/gateway-config.',
      descriptions,
    ),
  ),
});
