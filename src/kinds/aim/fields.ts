import { Type, type Static, type TSchema } from '../type.ts';
import { parentReference } from '../gateway/fields.ts';
import type { PrinterColumn } from '../kind.ts';
import type { KubeObject } from '../object.ts';
import { int32, stringEnum, stringMap, type CelRule, type StructuralOptions } from '../schema.ts';
import { envVars, quantity } from '../core/fields.ts';

/** Value types that the AIM kinds share (aim.md 2.2). Their descriptions are beside the fields. */

/** An AIM object. Its spec may be missing: required fields only bite once there is one (aim.md 2.1). */
export type AimObject<Spec extends TSchema, Status extends TSchema> = KubeObject & {
  spec?: Static<Spec>;
  status?: Static<Status>;
};

/** The field keeps the value it got. The rule runs only where the field is there before and after a change. */
export function immutable(field: string): { 'x-kubernetes-validations': readonly CelRule[] } {
  return { 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: `${field} is immutable` }] };
}

export const metrics = ['latency', 'throughput'] as const;
export const precisions = ['auto', 'fp4', 'fp8', 'fp16', 'fp32', 'bf16', 'int4', 'int8'] as const;
export const profileTypes = ['optimized', 'preview', 'unoptimized'] as const;
/** Statuses of models, templates and caches. */
export const resourceStatuses = ['Pending', 'Progressing', 'Ready', 'Degraded', 'Failed', 'NotAvailable'] as const;
export const cacheStatuses = ['Pending', 'Progressing', 'Available', 'Failed'] as const;

export type Metric = (typeof metrics)[number];
export type Precision = (typeof precisions)[number];
export type ProfileType = (typeof profileTypes)[number];
export type ResourceStatus = (typeof resourceStatuses)[number];

export function metric(options: StructuralOptions = {}) {
  return stringEnum(metrics, { description: 'What the profile is made for: latency or throughput.', ...options });
}

export function precision(options: StructuralOptions = {}) {
  return stringEnum(precisions, { description: 'Numeric precision of the model.', ...options });
}

export function profileType(options: StructuralOptions = {}) {
  return stringEnum(profileTypes, { description: 'How far the profile has been tuned.', ...options });
}

/** `status.status` and its conditions. */
export function overallStatus<const V extends readonly string[]>(values: V) {
  return stringEnum(values, { description: 'Overall state.', default: 'Pending' });
}

export function observedGeneration() {
  return Type.Integer({ format: 'int64', description: 'Generation of the object that was looked at last.' });
}

/** ResolvedReference. */
export function resolvedReference(description: string) {
  return Type.Object(
    {
      name: Type.Optional(Type.String({ description: 'Name of the object.' })),
      namespace: Type.Optional(Type.String({ description: 'Namespace of the object.' })),
      scope: Type.Optional(
        stringEnum(['Namespace', 'Cluster', 'Merged', 'Unknown'], {
          description: 'Where the object lives; Merged: made of one of the namespace and one of the cluster.',
        }),
      ),
      kind: Type.Optional(Type.String({ description: 'group/version/Kind of the object.' })),
      uid: Type.Optional(Type.String({ description: 'UID of the object.' })),
    },
    { description },
  );
}

export type ResolvedReference = Static<ReturnType<typeof resolvedReference>>;

export const sourceUriPattern = '^(hf|s3)://[^ \\t\\r\\n]+$';
export const modelIdPattern = '^[a-zA-Z0-9_-]+/[a-zA-Z0-9._-]+$';

export function sourceUri(options: StructuralOptions = {}) {
  const description = 'Where the weights come from: hf://organisation/name or s3://bucket/path.';
  return Type.String({ description, pattern: sourceUriPattern, ...options });
}

export function modelId() {
  return Type.String({ description: 'Identity of the model, organisation/name.', pattern: modelIdPattern });
}

export const modelSource = Type.Object({
  modelId: modelId(),
  sourceUri: sourceUri(),
  size: Type.Optional(quantity({ description: 'Size of the weights; found out when absent.' })),
  env: Type.Optional(envVars({ description: 'Variables of the download, such as credentials.' })),
});

export type ModelSource = Static<typeof modelSource>;

const gpu = Type.Object(
  {
    requests: Type.Optional(int32({ description: 'Number of GPUs.', minimum: 0 })),
    model: Type.Optional(Type.String({ description: 'Model of the GPU, such as MI300X.', maxLength: 64 })),
    minVram: Type.Optional(quantity({ description: 'Least memory of one GPU, in place of a model.' })),
    resourceName: Type.Optional(
      Type.String({ description: 'Resource that is requested for the GPUs.', default: 'amd.com/gpu' }),
    ),
  },
  {
    description: 'GPUs.',
    'x-kubernetes-validations': [
      {
        rule: "!(has(self.model) && self.model != '' && has(self.minVram))",
        message: 'model and minVram cannot both be set',
      },
    ],
  },
);

const cpu = Type.Object(
  {
    requests: quantity({ description: 'CPUs that are set aside.' }),
    limits: Type.Optional(quantity({ description: 'CPUs that may be used.' })),
  },
  { description: 'CPUs.' },
);

/** Hardware: GPUs, CPUs or both. */
export function hardware(options: StructuralOptions = {}) {
  return Type.Object(
    { gpu: Type.Optional(gpu), cpu: Type.Optional(cpu) },
    {
      description: 'Hardware that is needed.',
      ...options,
      'x-kubernetes-validations': [
        { rule: 'has(self.gpu) || has(self.cpu)', message: 'at least one of gpu and cpu must be set' },
        ...(options['x-kubernetes-validations'] ?? []),
      ],
    },
  );
}

export type Hardware = Static<ReturnType<typeof hardware>>;

/** metav1.Duration: Go's syntax, in which fractions are allowed. */
export function goDuration(options: StructuralOptions = {}) {
  return Type.String({ pattern: '^([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$', ...options });
}

/** Routing without annotations, as the runtime configurations of the legacy group have it. */
export const routingWithoutAnnotations = {
  enabled: Type.Optional(Type.Boolean({ description: 'Whether an HTTPRoute is made.' })),
  gatewayRef: Type.Optional({ ...parentReference, description: 'The Gateway that the route attaches to.' }),
  pathTemplate: Type.Optional(
    Type.String({
      description:
        'Path of the service, with JSONPath expressions of the service in braces: /{.metadata.namespace}/{.metadata.name}.',
    }),
  ),
  requestTimeout: Type.Optional(goDuration({ description: 'How long a request may take, such as 120s.' })),
};

export const routing = Type.Object(
  {
    ...routingWithoutAnnotations,
    annotations: Type.Optional(stringMap({ description: 'Annotations of the route; those of a service win.' })),
  },
  { description: 'How the service is reached through a Gateway.' },
);

export type AimRouting = Static<typeof routing>;

export const storage = Type.Object(
  {
    defaultStorageClassName: Type.Optional(
      Type.String({ description: "StorageClass of the caches; absent means the cluster's default." }),
    ),
    pvcHeadroomPercent: Type.Optional(
      int32({ description: 'Space of a cache beyond the size of the model, in percent.', minimum: 0, default: 10 }),
    ),
  },
  { description: 'Where models are cached.' },
);

export function runtimeConfigName(options: StructuralOptions = {}) {
  return Type.String({
    description: 'Name of the runtime configuration, in the namespace and the cluster; absent means default.',
    ...options,
  });
}

export function serviceAccountName() {
  return Type.String({ description: 'ServiceAccount of the pods.' });
}

export function storageClassName() {
  return Type.String({ description: 'StorageClass of the volumes.' });
}

/** A model's cache in the status of a template cache or service. */
export function cachedModel<const V extends readonly string[]>(statuses: V) {
  return Type.Object({
    uid: Type.Optional(Type.String({ description: 'UID of the object that holds the cache.' })),
    name: Type.Optional(Type.String({ description: 'Its name.' })),
    model: Type.Optional(Type.String({ description: 'The model.' })),
    status: Type.Optional(stringEnum(statuses, { description: 'Its state.' })),
    persistentVolumeClaim: Type.Optional(Type.String({ description: 'PersistentVolumeClaim with the weights.' })),
    mountPoint: Type.Optional(Type.String({ description: 'Where it is mounted in the container.' })),
  });
}

export function stringColumn(name: string, jsonPath: string): PrinterColumn {
  return { name, type: 'string', jsonPath };
}

export const statusColumn = stringColumn('Status', '.status.status');
export const ageColumn: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
