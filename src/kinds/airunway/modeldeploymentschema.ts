import { Type, type Static } from '../type.ts';
import { count, orderedEnvVars, quantity, tolerations } from '../core/fields.ts';
import { under } from '../describe.ts';
import type { ObjectOf } from '../kind.ts';
import { conditions, freeForm, int32, listMap, stringEnum, stringMap } from '../schema.ts';

/** ModelDeployment: "serve this model"; engine and provider are chosen unless named (airunway.md 1). */

export const engines = ['vllm', 'sglang', 'trtllm', 'llamacpp'] as const;
export const servingModes = ['aggregated', 'disaggregated'] as const;

export type Engine = (typeof engines)[number];
export type ServingMode = (typeof servingModes)[number];

const gpu = Type.Object({
  count: Type.Optional(count({ default: 0 })),
  type: Type.Optional(Type.String({ default: 'nvidia.com/gpu' })),
});

const role = Type.Object({
  replicas: Type.Optional(count({ default: 1 })),
  gpu: Type.Optional(gpu),
  memory: Type.Optional(Type.String()),
});

const volume = Type.Object({
  name: Type.String({ maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' }),
  purpose: Type.Optional(stringEnum(['modelCache', 'compilationCache', 'custom'], { default: 'custom' })),
  claimName: Type.Optional(Type.String({ maxLength: 253 })),
  mountPath: Type.Optional(Type.String()),
  readOnly: Type.Optional(Type.Boolean({ default: false })),
  size: Type.Optional(quantity()),
  storageClassName: Type.Optional(Type.String()),
  accessMode: Type.Optional(stringEnum(['ReadWriteOnce', 'ReadWriteMany', 'ReadOnlyMany', 'ReadWriteOncePod'])),
});

export const spec = Type.Object({
  model: Type.Object({
    id: Type.Optional(Type.String()),
    servedName: Type.Optional(Type.String()),
    source: Type.Optional(stringEnum(['huggingface', 'custom'], { default: 'huggingface' })),
    storage: Type.Optional(Type.Object({ volumes: Type.Optional(listMap(['name'], volume, { maxItems: 8 })) })),
  }),
  provider: Type.Optional(Type.Object({ name: Type.Optional(Type.String()), overrides: Type.Optional(freeForm()) })),
  engine: Type.Optional(
    Type.Object({
      type: Type.Optional(stringEnum(engines)),
      image: Type.Optional(Type.String()),
      contextLength: Type.Optional(int32()),
      trustRemoteCode: Type.Optional(Type.Boolean({ default: false })),
      enablePrefixCaching: Type.Optional(Type.Boolean({ default: true })),
      enforceEager: Type.Optional(Type.Boolean({ default: false })),
      args: Type.Optional(stringMap()),
      extraArgs: Type.Optional(Type.Array(Type.String())),
    }),
  ),
  serving: Type.Optional(Type.Object({ mode: Type.Optional(stringEnum(servingModes, { default: 'aggregated' })) })),
  scaling: Type.Optional(
    Type.Object({
      replicas: Type.Optional(count({ default: 1 })),
      prefill: Type.Optional(role),
      decode: Type.Optional(role),
    }),
  ),
  resources: Type.Optional(
    Type.Object({
      gpu: Type.Optional(gpu),
      memory: Type.Optional(Type.String()),
      cpu: Type.Optional(Type.String()),
    }),
  ),
  image: Type.Optional(Type.String()),
  env: Type.Optional(orderedEnvVars()),
  podTemplate: Type.Optional(
    Type.Object({
      metadata: Type.Optional(
        Type.Object({ labels: Type.Optional(stringMap()), annotations: Type.Optional(stringMap()) }),
      ),
    }),
  ),
  secrets: Type.Optional(Type.Object({ huggingFaceToken: Type.Optional(Type.String()) })),
  gateway: Type.Optional(
    Type.Object({
      enabled: Type.Optional(Type.Boolean()),
      modelName: Type.Optional(Type.String()),
      httpRouteRef: Type.Optional(Type.String()),
    }),
  ),
  nodeSelector: Type.Optional(stringMap()),
  tolerations: Type.Optional(tolerations()),
});

export const phases = ['Pending', 'Deploying', 'Running', 'Failed', 'Terminating'] as const;
export type Phase = (typeof phases)[number];

export const status = Type.Object({
  phase: Type.Optional(stringEnum(phases)),
  message: Type.Optional(Type.String()),
  provider: Type.Optional(
    Type.Object({
      name: Type.Optional(Type.String()),
      selectedReason: Type.Optional(Type.String()),
      resourceName: Type.Optional(Type.String()),
      resourceKind: Type.Optional(Type.String()),
    }),
  ),
  engine: Type.Optional(
    Type.Object({ type: Type.Optional(stringEnum(engines)), selectedReason: Type.Optional(Type.String()) }),
  ),
  gateway: Type.Optional(
    Type.Object({
      endpoint: Type.Optional(Type.String()),
      modelName: Type.Optional(Type.String()),
      gatewayNamespace: Type.Optional(Type.String()),
      ready: Type.Optional(Type.Boolean()),
    }),
  ),
  image: Type.Optional(
    Type.Object({
      requested: Type.Optional(Type.String()),
      resolved: Type.Optional(Type.String()),
      repository: Type.Optional(Type.String()),
      tag: Type.Optional(Type.String()),
      digest: Type.Optional(Type.String()),
      source: Type.Optional(stringEnum(['stable', 'nightly', 'launch', 'custom'])),
      message: Type.Optional(Type.String()),
    }),
  ),
  replicas: Type.Optional(
    Type.Object({
      desired: Type.Optional(int32()),
      ready: Type.Optional(int32()),
      available: Type.Optional(int32()),
    }),
  ),
  endpoint: Type.Optional(Type.Object({ service: Type.Optional(Type.String()), port: Type.Optional(int32()) })),
  conditions: Type.Optional(conditions()),
  observedGeneration: Type.Optional(Type.Integer({ format: 'int64' })),
});

export type ModelDeployment = ObjectOf<typeof spec, typeof status>;
export type ModelVolume = Static<typeof volume>;

const ofGpu = { gpu: 'GPUs of each.', 'gpu.count': 'How many.', 'gpu.type': 'Their extended resource.' };
const ofRole = { replicas: 'How many.', memory: 'Memory of each, such as 32Gi.', ...ofGpu };

export const descriptions = {
  spec: 'The model, and how to serve it.',
  'spec.model': 'The model.',
  'spec.model.id': 'Its name at Hugging Face, such as Qwen/Qwen3-0.6B; required unless the source is custom.',
  'spec.model.servedName': 'Name under which the server offers the model.',
  'spec.model.source': 'Where the weights come from: huggingface, or custom for an image that brings them.',
  'spec.model.storage': 'Volumes of the model servers.',
  'spec.model.storage.volumes': 'The volumes.',
  'spec.model.storage.volumes.name': 'Name of the volume.',
  'spec.model.storage.volumes.purpose': 'What is kept there.',
  'spec.model.storage.volumes.claimName': 'PersistentVolumeClaim; made by the provider when size is given.',
  'spec.model.storage.volumes.mountPath': 'Where it is mounted; required for custom volumes.',
  'spec.model.storage.volumes.readOnly': 'Mounted read-only.',
  'spec.model.storage.volumes.size': 'Size of the PersistentVolumeClaim to make.',
  'spec.model.storage.volumes.storageClassName': 'Its storage class; "" for none.',
  'spec.model.storage.volumes.accessMode': 'Its access mode; ReadWriteMany.',
  'spec.provider': 'What runs the model.',
  'spec.provider.name': 'Name of an InferenceProviderConfig; chosen when absent, and never changed then.',
  'spec.provider.overrides': 'Merged over the object that the provider makes.',
  'spec.engine': 'The model server.',
  'spec.engine.type': 'Which; chosen when absent, and never changed then.',
  'spec.engine.image': 'Its image.',
  'spec.engine.contextLength': 'Longest context in tokens.',
  'spec.engine.trustRemoteCode': 'Run code that comes with the model.',
  'spec.engine.enablePrefixCaching': 'Reuse the KV cache of equal beginnings of prompts.',
  'spec.engine.enforceEager': 'Run without CUDA graphs.',
  'spec.engine.args': 'Flags without dashes and their values; "" for a flag without a value.',
  'spec.engine.extraArgs': 'Arguments appended as they are.',
  'spec.serving': 'How requests are served.',
  'spec.serving.mode': 'aggregated, or disaggregated into prefill and decode servers. Immutable.',
  'spec.scaling': 'How many servers.',
  'spec.scaling.replicas': 'Servers in aggregated mode.',
  'spec.scaling.prefill': 'The servers that read prompts.',
  ...under('spec.scaling.prefill', ofRole),
  'spec.scaling.decode': 'The servers that write answers.',
  ...under('spec.scaling.decode', ofRole),
  'spec.resources': 'What each server gets in aggregated mode.',
  ...under('spec.resources', ofGpu),
  'spec.resources.memory': 'Memory, such as 32Gi.',
  'spec.resources.cpu': 'CPUs, such as "4".',
  'spec.image': 'Image of the server, for engines and sources that need one.',
  'spec.podTemplate': 'Passed on to the object that the provider makes.',
  'spec.podTemplate.metadata': 'Its metadata.',
  'spec.podTemplate.metadata.labels': 'Labels.',
  'spec.podTemplate.metadata.annotations': 'Annotations.',
  'spec.secrets': 'Secrets that the servers need.',
  'spec.secrets.huggingFaceToken': 'Name of a Secret whose key HF_TOKEN is a token for Hugging Face.',
  'spec.gateway': 'How the model is offered at the Gateway.',
  'spec.gateway.enabled': 'false: not at all. Absent: when there is a Gateway.',
  'spec.gateway.modelName': 'Name by which requests ask for the model.',
  'spec.gateway.httpRouteRef': 'Name of your own HTTPRoute in place of a generated one.',
  'spec.nodeSelector': 'Labels of the nodes to run on.',
  status: 'What became of it.',
  'status.phase': 'Where it stands.',
  'status.message': 'A sentence on the phase.',
  'status.provider': 'What runs the model.',
  'status.provider.name': 'Name of the provider.',
  'status.provider.selectedReason': 'Why this one.',
  'status.provider.resourceName': 'Name of the object that it made.',
  'status.provider.resourceKind': 'Kind of the object that it made.',
  'status.engine': 'The model server.',
  'status.engine.type': 'Which.',
  'status.engine.selectedReason': 'Why this one.',
  'status.gateway': 'Where the model is offered.',
  'status.gateway.endpoint': 'Address of the Gateway.',
  'status.gateway.modelName': 'Name by which requests ask for the model.',
  'status.gateway.gatewayNamespace': 'Namespace of the Gateway.',
  'status.gateway.ready': 'The pool and the route are there.',
  'status.image': 'The image that is run.',
  'status.image.requested': 'As it was asked for.',
  'status.image.resolved': 'As it is run.',
  'status.image.repository': 'Its repository.',
  'status.image.tag': 'Its tag.',
  'status.image.digest': 'Its digest.',
  'status.image.source': 'What kind of release it is.',
  'status.image.message': 'What went wrong with it.',
  'status.replicas': 'The servers.',
  'status.replicas.desired': 'How many there should be.',
  'status.replicas.ready': 'How many are ready.',
  'status.replicas.available': 'How many have been ready for long enough.',
  'status.endpoint': 'Where the servers are reached inside the cluster.',
  'status.endpoint.service': 'Service in the namespace of the deployment.',
  'status.endpoint.port': 'Its port.',
  'status.observedGeneration': 'Generation that was looked at.',
};
