import type * as core from 'kubernetes-types/core/v1.js';
import { Type, type TSchema } from '../type.ts';
import { freeForm, intOrString, listMap, mapOf, stringMap, type StructuralOptions } from '../schema.ts';

/**
 * Parts of a pod in KServe's kinds. KServe's own schemas spell out every field of a pod; here the fields that Headgate writes
 * or people look at, and the others are kept as they are.
 */

export const apiGroup = 'serving.kserve.io';

const text = (description: string) => Type.Optional(Type.String({ description }));

function open<T>(properties: Record<string, TSchema>, options: StructuralOptions = {}) {
  return Type.Unsafe<T>(Type.Object(properties, { 'x-kubernetes-preserve-unknown-fields': true, ...options }));
}

const resources = open<core.ResourceRequirements>(
  {
    limits: Type.Optional(mapOf(intOrString(), { description: 'The most that may be used.' })),
    requests: Type.Optional(mapOf(intOrString(), { description: 'What is set aside.' })),
  },
  { description: 'Resources of the container.' },
);

const containerFields = {
  image: text('Container image.'),
  command: Type.Optional(Type.Array(Type.String(), { description: "Command in place of the image's." })),
  args: Type.Optional(Type.Array(Type.String(), { description: 'Arguments of the command.' })),
  env: Type.Optional(
    listMap(
      ['name'],
      open<core.EnvVar>({
        name: Type.String({ description: 'Name of the variable.' }),
        value: text('Its value.'),
        valueFrom: Type.Optional(freeForm({ description: 'Where the value comes from, instead of value.' })),
      }),
      { description: 'Variables of the container.' },
    ),
  ),
  ports: Type.Optional(
    Type.Array(open<core.ContainerPort>({ containerPort: Type.Integer({ description: 'The port.' }) }), {
      description: 'Ports of the container.',
    }),
  ),
  resources: Type.Optional(resources),
  volumeMounts: Type.Optional(
    Type.Array(
      open<core.VolumeMount>({
        name: Type.String({ description: 'Name of a volume.' }),
        mountPath: Type.String({ description: 'Where it is mounted.' }),
      }),
      { description: 'Volumes of the container.' },
    ),
  ),
};

/** A container whose name may be left out where there is only one. */
export function container<T = Partial<core.Container>>(more: Record<string, TSchema>, description: string) {
  return open<T>({ name: text('Name of the container.'), ...containerFields, ...more }, { description });
}

export const containers = listMap(
  ['name'],
  open<core.Container>({
    name: Type.String({ description: 'Name of the container; kserve-container serves.' }),
    ...containerFields,
  }),
  { description: 'Containers of the pods.' },
);

/** Fields of a pod beside its containers. */
export const podFields = {
  imagePullSecrets: Type.Optional(
    Type.Array(open<core.LocalObjectReference>({ name: text('Name of the Secret.') }), {
      description: 'Secrets with which images are pulled.',
    }),
  ),
  serviceAccountName: text('ServiceAccount of the pods.'),
  volumes: Type.Optional(
    listMap(['name'], open<core.Volume>({ name: Type.String({ description: 'Name of the volume.' }) }), {
      description: 'Volumes of the pods.',
    }),
  ),
  affinity: Type.Optional(Type.Unsafe<core.Affinity>(freeForm({ description: 'Nodes that the pods prefer or need.' }))),
  nodeSelector: Type.Optional(stringMap({ description: 'Labels that the node must have.' })),
  tolerations: Type.Optional(
    Type.Array(Type.Unsafe<core.Toleration>(freeForm()), { description: 'Taints that the pods put up with.' }),
  ),
  labels: Type.Optional(stringMap({ description: 'Labels of the pods.' })),
  annotations: Type.Optional(stringMap({ description: 'Annotations of the pods.' })),
};
