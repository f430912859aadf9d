import { Type, type Static } from '../type.ts';
import { int32, intOrString, listMap, mapOf, type StructuralOptions } from '../schema.ts';

/** Types of core/v1 that other kinds have fields of, as their generated CustomResourceDefinitions spell them. */

/** resource.Quantity: `64Gi`, `"4"` or 4. */
export function quantity(options: StructuralOptions = {}) {
  return intOrString({
    pattern:
      '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$',
    ...options,
  });
}

function keySelector(of: string) {
  return Type.Optional(
    Type.Object(
      {
        name: Type.Optional(Type.String({ default: '', description: `Name of the ${of}.` })),
        key: Type.String({ description: `Key in the ${of}.` }),
        optional: Type.Optional(Type.Boolean({ description: `Whether the ${of} or its key may be missing.` })),
      },
      { description: `Value of a key of a ${of}.`, 'x-kubernetes-map-type': 'atomic' },
    ),
  );
}

const envVar = Type.Object({
  name: Type.String({ description: 'Name of the variable.' }),
  value: Type.Optional(Type.String({ description: 'Value, in which $(NAME) stands for earlier variables.' })),
  valueFrom: Type.Optional(
    Type.Object(
      {
        configMapKeyRef: keySelector('ConfigMap'),
        secretKeyRef: keySelector('Secret'),
        fieldRef: Type.Optional(
          Type.Object(
            {
              apiVersion: Type.Optional(Type.String({ description: 'Version the path is written for; v1.' })),
              fieldPath: Type.String({ description: 'Path of the field.' }),
            },
            { description: 'Value of a field of the pod.', 'x-kubernetes-map-type': 'atomic' },
          ),
        ),
        resourceFieldRef: Type.Optional(
          Type.Object(
            {
              containerName: Type.Optional(Type.String({ description: 'Container the resource is of.' })),
              resource: Type.String({ description: 'Resource, such as limits.memory.' }),
              divisor: Type.Optional(quantity({ description: 'Unit of the value; 1.' })),
            },
            { description: 'Value of a resource of a container.', 'x-kubernetes-map-type': 'atomic' },
          ),
        ),
      },
      { description: 'Where the value comes from.' },
    ),
  ),
});

export type EnvVar = Static<typeof envVar>;

/** Environment variables, merged and found by name: a second one of a name is refused. */
export function envVars(options: StructuralOptions & { maxItems?: number } = {}) {
  return listMap(['name'], envVar, { description: 'Environment variables.', ...options });
}

/** Environment variables as Pods have them: a later one of a name wins. */
export function orderedEnvVars(options: StructuralOptions = {}) {
  return Type.Array(envVar, { description: 'Environment variables.', ...options });
}

export function resourceRequirements(options: StructuralOptions = {}) {
  return Type.Object(
    {
      limits: Type.Optional(mapOf(quantity(), { description: 'The most of each resource.' })),
      requests: Type.Optional(mapOf(quantity(), { description: 'The least of each resource.' })),
      claims: Type.Optional(
        listMap(
          ['name'],
          Type.Object({
            name: Type.String({ description: 'Name of an entry of the pod’s resourceClaims.' }),
            request: Type.Optional(Type.String({ description: 'Request of the claim; all when absent.' })),
          }),
          { description: 'Resource claims that are used.' },
        ),
      ),
    },
    { description: 'Compute resources.', ...options },
  );
}

/** Names of Secrets with registry credentials. */
export function imagePullSecrets(options: StructuralOptions = {}) {
  return Type.Array(
    Type.Object(
      { name: Type.Optional(Type.String({ default: '', description: 'Name of the Secret.' })) },
      { 'x-kubernetes-map-type': 'atomic' },
    ),
    { description: 'Secrets with the credentials of image registries.', ...options },
  );
}

export function tolerations(options: StructuralOptions = {}) {
  return Type.Array(
    Type.Object({
      key: Type.Optional(Type.String({ description: 'Taint key; all when absent.' })),
      operator: Type.Optional(Type.String({ description: 'Exists or Equal; Equal.' })),
      value: Type.Optional(Type.String({ description: 'Taint value, for Equal.' })),
      effect: Type.Optional(Type.String({ description: 'Taint effect; all when absent.' })),
      tolerationSeconds: Type.Optional(
        Type.Integer({ format: 'int64', description: 'How long a NoExecute taint is tolerated.' }),
      ),
    }),
    { description: 'Taints that the pods tolerate.', ...options },
  );
}

/** A count that may not be negative. */
export function count(options: StructuralOptions = {}) {
  return int32({ minimum: 0, ...options });
}
