import { Type, type Static, type TSchema } from '../type.ts';
import { count } from '../core/fields.ts';
import { describeFields, under } from '../describe.ts';
import { defineKind, type Kind, type ObjectOf } from '../kind.ts';
import { conditions, listMap, objectSchema, stringEnum } from '../schema.ts';
import { airunway, kubeairunway, type AirunwayDialect } from './dialect.ts';
import { engines, servingModes } from './modeldeploymentschema.ts';

/** InferenceProviderConfig: what a provider can run, and when it wants to be chosen (airunway.md 2). */

const gateway = Type.Object({
  managesInferencePool: Type.Optional(Type.Boolean()),
  inferencePoolNamePattern: Type.Optional(Type.String()),
  inferencePoolNamespace: Type.Optional(Type.String()),
  endpointPicker: Type.Optional(
    Type.Object({ image: Type.Optional(Type.String()), configData: Type.Optional(Type.String()) }),
  ),
  ignoresServedName: Type.Optional(Type.Boolean()),
});

const engineCapability = Type.Object({
  name: stringEnum(engines),
  servingModes: Type.Optional(Type.Array(stringEnum(servingModes))),
  gpuSupport: Type.Optional(Type.Boolean()),
  cpuSupport: Type.Optional(Type.Boolean()),
  requiresCRD: Type.Optional(Type.Boolean()),
  gateway: Type.Optional(gateway),
});

export type EngineCapability = Static<typeof engineCapability>;

const flat = {
  servingModes: Type.Optional(Type.Array(stringEnum(servingModes))),
  gpuSupport: Type.Optional(Type.Boolean()),
  cpuSupport: Type.Optional(Type.Boolean()),
};

/** With the older name of the group, engines are names and share what the provider says of all. */
const sharedCapabilities = Type.Object({ engines: Type.Optional(Type.Array(stringEnum(engines))), ...flat });

/** With the later name, each engine says for itself. */
const capabilitiesByEngine = Type.Object({
  engines: Type.Optional(listMap(['name'], engineCapability)),
});

const rules = Type.Array(Type.Object({ condition: Type.String(), priority: Type.Optional(count({ default: 0 })) }));

const installation = Type.Object({
  description: Type.Optional(Type.String()),
  defaultNamespace: Type.Optional(Type.String()),
  helmRepos: Type.Optional(Type.Array(Type.Object({ name: Type.String(), url: Type.String() }))),
  helmCharts: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String(),
        chart: Type.String(),
        version: Type.Optional(Type.String()),
        namespace: Type.String(),
        createNamespace: Type.Optional(Type.Boolean()),
      }),
    ),
  ),
  steps: Type.Optional(
    Type.Array(
      Type.Object({ title: Type.String(), command: Type.Optional(Type.String()), description: Type.String() }),
    ),
  ),
});

const olderSpec = Type.Object({
  capabilities: Type.Optional(sharedCapabilities),
  selectionRules: Type.Optional(rules),
  installation: Type.Optional(installation),
  documentation: Type.Optional(Type.String()),
});

const laterSpec = Type.Object({
  capabilities: Type.Optional(capabilitiesByEngine),
  selectionRules: Type.Optional(rules),
});

const status = Type.Object({
  ready: Type.Optional(Type.Boolean()),
  version: Type.Optional(Type.String()),
  lastHeartbeat: Type.Optional(Type.String({ format: 'date-time' })),
  upstreamCRDVersion: Type.Optional(Type.String()),
  upstreamSchemaHash: Type.Optional(Type.String()),
  conditions: Type.Optional(conditions()),
});

type OlderConfig = ObjectOf<typeof olderSpec, typeof status>;
type LaterConfig = ObjectOf<typeof laterSpec, typeof status>;

/** A provider in either group; `capabilitiesOf` reads both shapes. */
export type InferenceProviderConfig = OlderConfig | LaterConfig;

/** What a provider can do with each of its engines. */
export function capabilitiesOf({ spec }: InferenceProviderConfig): EngineCapability[] {
  const { engines: offered = [], ...shared } = spec.capabilities ?? {};
  return offered.map((engine) => (typeof engine === 'string' ? { ...shared, name: engine } : engine));
}

const descriptions = {
  spec: 'What the provider offers.',
  'spec.capabilities': 'What it can run.',
  'spec.capabilities.engines': 'Its engines.',
  'spec.selectionRules': 'When it wants to be chosen; without rules it is a candidate of priority 0.',
  'spec.selectionRules.condition': 'CEL over `spec`, that of the ModelDeployment without its empty fields.',
  'spec.selectionRules.priority': 'What the rule counts when it is true; the highest wins.',
  status: 'How the provider is.',
  'status.ready': 'It takes deployments.',
  'status.version': 'Its version.',
  'status.lastHeartbeat': 'When it last said so.',
  'status.upstreamCRDVersion': 'Version of the kinds that it makes objects of.',
  'status.upstreamSchemaHash': 'Hash of their schema.',
};

const sharedDescriptions = {
  servingModes: 'Modes it can serve in.',
  gpuSupport: 'It runs on GPUs.',
  cpuSupport: 'It runs without GPUs.',
};

const olderDescriptions = {
  ...descriptions,
  ...under('spec.capabilities', sharedDescriptions),
  'spec.installation': 'How to install what it needs.',
  'spec.installation.description': 'What is installed.',
  'spec.installation.defaultNamespace': 'Where it is installed.',
  'spec.installation.helmRepos': 'Chart repositories.',
  'spec.installation.helmRepos.name': 'Name.',
  'spec.installation.helmRepos.url': 'URL.',
  'spec.installation.helmCharts': 'Charts.',
  'spec.installation.helmCharts.name': 'Name of the release.',
  'spec.installation.helmCharts.chart': 'Chart.',
  'spec.installation.helmCharts.version': 'Version of the chart.',
  'spec.installation.helmCharts.namespace': 'Namespace of the release.',
  'spec.installation.helmCharts.createNamespace': 'Make the namespace.',
  'spec.installation.steps': 'Steps by hand.',
  'spec.installation.steps.title': 'What the step does.',
  'spec.installation.steps.command': 'Command to run.',
  'spec.installation.steps.description': 'What to know of it.',
  'spec.documentation': 'URL of its documentation.',
};

const laterDescriptions = {
  ...descriptions,
  ...under('spec.capabilities.engines', {
    ...sharedDescriptions,
    name: 'The engine.',
    requiresCRD: 'It needs kinds that must be installed; true unless said otherwise.',
    gateway: 'How it goes with the Gateway.',
    'gateway.managesInferencePool': 'Its operator makes the InferencePool and the endpoint picker.',
    'gateway.inferencePoolNamePattern': 'Name of that pool; {name} and {namespace} stand for those of the deployment.',
    'gateway.inferencePoolNamespace': 'Namespace of that pool, with the same placeholders.',
    'gateway.endpointPicker': 'The endpoint picker that Headgate makes.',
    'gateway.endpointPicker.image': 'Its image.',
    'gateway.endpointPicker.configData': 'Its EndpointPickerConfig.',
    'gateway.ignoresServedName': 'Its servers do not take the served name.',
  }),
};

function providerConfigIn(
  { group }: AirunwayDialect,
  spec: TSchema,
  fields: Readonly<Record<string, string>>,
): Kind<InferenceProviderConfig> {
  return defineKind<InferenceProviderConfig>({
    group,
    kind: 'InferenceProviderConfig',
    plural: 'inferenceproviderconfigs',
    namespaced: false,
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        schema: describeFields(
          objectSchema({ spec, status: Type.Optional(status) }),
          'A provider of model servers: what it can run, and when it wants to be chosen.',
          fields,
        ),
        printerColumns: [
          { name: 'Ready', type: 'boolean', jsonPath: '.status.ready' },
          { name: 'Version', type: 'string', jsonPath: '.status.version' },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
      },
    ],
  });
}

export const InferenceProviderConfig = providerConfigIn(kubeairunway, olderSpec, olderDescriptions);
export const AirunwayInferenceProviderConfig = providerConfigIn(airunway, laterSpec, laterDescriptions);
