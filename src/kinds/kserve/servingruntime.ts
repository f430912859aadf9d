import { Type, type Static } from '../type.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { freeForm, int32, objectSchema } from '../schema.ts';
import { apiGroup, containers, podFields } from './fields.ts';

/** ServingRuntime and ClusterServingRuntime v1alpha1: the containers that serve models of a format (aim.md 11.7). */

const text = (description: string) => Type.Optional(Type.String({ description }));
const flag = (description: string) => Type.Optional(Type.Boolean({ description }));

const spec = Type.Object(
  {
    supportedModelFormats: Type.Optional(
      Type.Array(
        Type.Object({
          name: Type.String({ description: 'Name of the format.' }),
          version: text('Version of the format.'),
          autoSelect: flag('Whether it is used for models that name no runtime.'),
          priority: Type.Optional(int32({ description: 'Higher wins when several fit.' })),
        }),
        { description: 'Formats of the models it serves.' },
      ),
    ),
    disabled: flag('Whether it is not to be used.'),
    multiModel: flag('Whether one pod serves several models.'),
    protocolVersions: Type.Optional(Type.Array(Type.String(), { description: 'Protocols that are spoken.' })),
    storageHelper: Type.Optional(
      Type.Object({ disabled: flag('Whether it is left out.') }, { description: 'The container that fetches models.' }),
    ),
    containers,
    ...podFields,
  },
  { description: 'What is wanted.', 'x-kubernetes-preserve-unknown-fields': true },
);

const status = freeForm({ description: 'Never written.' });

export type ServingRuntime = ObjectOf<typeof spec, typeof status>;
export type ClusterServingRuntime = ServingRuntime;
export type ServingRuntimeSpec = Static<typeof spec>;

const versions = (description: string) => [
  {
    name: 'v1alpha1',
    served: true,
    schema: objectSchema({ spec: Type.Optional(spec), status: Type.Optional(status) }, { description }),
    printerColumns: [
      { name: 'Disabled', type: 'boolean' as const, jsonPath: '.spec.disabled' },
      { name: 'ModelType', type: 'string' as const, jsonPath: '.spec.supportedModelFormats[*].name' },
      { name: 'Containers', type: 'string' as const, jsonPath: '.spec.containers[*].name' },
      { name: 'Age', type: 'date' as const, jsonPath: '.metadata.creationTimestamp' },
    ],
  },
];

export const ServingRuntime = defineKind<ServingRuntime>({
  group: apiGroup,
  kind: 'ServingRuntime',
  plural: 'servingruntimes',
  versions: versions('Containers that serve models of a format, for services of its namespace.'),
});

export const ClusterServingRuntime = defineKind<ClusterServingRuntime>({
  group: apiGroup,
  kind: 'ClusterServingRuntime',
  plural: 'clusterservingruntimes',
  namespaced: false,
  versions: versions('Containers that serve models of a format, for services of all namespaces.'),
});
