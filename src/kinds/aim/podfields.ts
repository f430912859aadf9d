import type * as core from 'kubernetes-types/core/v1.js';
import { Type, type TSchema } from 'typebox';
import { int32, intOrString, listMap, mapOf, type StructuralOptions } from '../schema.ts';

/** Parts of a pod that custom resources carry: the schemas of their own that CustomResourceDefinitions need. */

/** A schema whose values have the type that Kubernetes' own declarations give them. */
function typed<T>(schema: TSchema) {
  return Type.Unsafe<T>(schema);
}

/** `2`, `500m`, `64Gi`; kept as written, so a number stays a number. */
export function quantity(options: StructuralOptions = {}) {
  return intOrString({
    pattern:
      '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$',
    ...options,
  });
}

const optional = Type.Optional(Type.Boolean({ description: 'Whether it may be missing.' }));

function keySelector(source: string, description: string) {
  return Type.Object(
    {
      name: Type.Optional(Type.String({ default: '', description: `Name of the ${source}.` })),
      key: Type.String({ description: `Key in the ${source}.` }),
      optional,
    },
    { description },
  );
}

const envVarSource = Type.Object(
  {
    configMapKeyRef: Type.Optional(keySelector('ConfigMap', 'A key of a ConfigMap.')),
    secretKeyRef: Type.Optional(keySelector('Secret', 'A key of a Secret.')),
    fieldRef: Type.Optional(
      Type.Object(
        {
          apiVersion: Type.Optional(Type.String({ description: 'Version of the pod that the path is for.' })),
          fieldPath: Type.String({ description: 'Path of the field in the pod.' }),
        },
        { description: 'A field of the pod.' },
      ),
    ),
    resourceFieldRef: Type.Optional(
      Type.Object(
        {
          containerName: Type.Optional(Type.String({ description: 'The container.' })),
          divisor: Type.Optional(quantity({ description: 'Unit of the value.' })),
          resource: Type.String({ description: 'The resource, such as limits.memory.' }),
        },
        { description: 'A resource of the container.' },
      ),
    ),
  },
  { description: 'Where the value comes from, instead of value.' },
);

const envVar = typed<core.EnvVar>(
  Type.Object({
    name: Type.String({ description: 'Name of the variable.' }),
    value: Type.Optional(Type.String({ description: 'Its value.' })),
    valueFrom: Type.Optional(envVarSource),
  }),
);

/** Environment variables, found by name; a name occurs once. */
export function env(description: string, options: { maxItems?: number } = {}) {
  return listMap(['name'], envVar, { description, ...options });
}

/** requests and limits by resource name. */
export function resourceRequirements(description: string) {
  return Type.Object(
    {
      claims: Type.Optional(
        listMap(
          ['name'],
          Type.Object({
            name: Type.String({ description: 'Name of a claim of the pod.' }),
            request: Type.Optional(Type.String({ description: 'One request of the claim; absent means all.' })),
          }),
          { description: 'Dynamic resource claims that are used.' },
        ),
      ),
      limits: Type.Optional(mapOf(quantity(), { description: 'The most that may be used.' })),
      requests: Type.Optional(mapOf(quantity(), { description: 'What is set aside.' })),
    },
    { description },
  );
}

/** Names of Secrets of type kubernetes.io/dockerconfigjson. */
export function imagePullSecrets(description = 'Secrets with which images are pulled, in the same namespace.') {
  return Type.Array(
    Type.Object(
      { name: Type.Optional(Type.String({ default: '', description: 'Name of the Secret.' })) },
      { 'x-kubernetes-map-type': 'atomic' },
    ),
    { description },
  );
}

const requirements = (description: string) =>
  Type.Array(
    Type.Object({
      key: Type.String({ description: 'Label, or field for matchFields.' }),
      operator: Type.String({ description: 'In, NotIn, Exists, DoesNotExist, Gt or Lt.' }),
      values: Type.Optional(Type.Array(Type.String(), { description: 'Values the operator compares with.' })),
    }),
    { description },
  );

const nodeSelectorTerm = {
  matchExpressions: Type.Optional(requirements('Labels that the node must have.')),
  matchFields: Type.Optional(requirements('Fields that the node must have.')),
};

/** core/v1 NodeAffinity. */
export function nodeAffinity(description: string) {
  return typed<core.NodeAffinity>(
    Type.Object(
      {
        requiredDuringSchedulingIgnoredDuringExecution: Type.Optional(
          Type.Object(
            {
              nodeSelectorTerms: Type.Array(Type.Object(nodeSelectorTerm), {
                description: 'Terms of which one must hold.',
              }),
            },
            { description: 'What a node must have.' },
          ),
        ),
        preferredDuringSchedulingIgnoredDuringExecution: Type.Optional(
          Type.Array(
            Type.Object({
              weight: int32({ description: 'How much it counts, 1 to 100.' }),
              preference: Type.Object(nodeSelectorTerm, { description: 'What the node should have.' }),
            }),
            { description: 'What a node should have.' },
          ),
        ),
      },
      { description },
    ),
  );
}
