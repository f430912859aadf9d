import { Type } from 'typebox';
import { defineKind, type ObjectOf } from '../kind.ts';
import { freeForm, listMap, objectSchema } from '../schema.ts';
import { apiGroup, conditionsStatus, llmRequestCost, versions } from './fields.ts';

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

export const GatewayConfig = defineKind<GatewayConfig>({
  group: apiGroup,
  kind: 'GatewayConfig',
  plural: 'gatewayconfigs',
  shortNames: ['gwconfig'],
  versions: versions(objectSchema({ spec, status: Type.Optional(conditionsStatus) })),
});
