import type * as core from 'kubernetes-types/core/v1.js';
import { Type, type Static } from '../type.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { freeForm, int32, listMap, mapOf, objectSchema, stringEnum } from '../schema.ts';
import { apiGroup, container, containers, podFields } from './fields.ts';

/** InferenceService v1beta1: KServe's serving workload, as far as it is written and read here (aim.md 5.7, 11.5). */

const text = (description: string) => Type.Optional(Type.String({ description }));

const model = container<
  Partial<core.Container> & {
    modelFormat: { name: string; version?: string };
    runtime?: string;
    storageUri?: string;
    protocolVersion?: string;
  }
>(
  {
    modelFormat: Type.Object(
      { name: Type.String({ description: 'Name of the format.' }), version: text('Version of the format.') },
      { description: 'Format of the model; picks the runtime when none is named.' },
    ),
    runtime: text('ServingRuntime of the namespace, else ClusterServingRuntime.'),
    storageUri: text('Where the weights come from.'),
    protocolVersion: text('Protocol that is spoken.'),
  },
  'A model that a serving runtime runs; what is set here wins over the runtime.',
);

const predictor = Type.Object(
  {
    minReplicas: Type.Optional(int32({ description: 'Fewest replicas; 1 when absent.', minimum: 0 })),
    maxReplicas: Type.Optional(int32({ description: 'Most replicas; the same as minReplicas when absent or 0.' })),
    containers: Type.Optional(containers),
    model: Type.Optional(model),
    autoScaling: Type.Optional(freeForm({ description: 'Metrics that decide the number of replicas.' })),
    ...podFields,
  },
  { description: 'The pods that serve the model.', 'x-kubernetes-preserve-unknown-fields': true },
);

const spec = Type.Object(
  {
    predictor,
    transformer: Type.Optional(freeForm({ description: 'Pods that change requests and answers.' })),
    explainer: Type.Optional(freeForm({ description: 'Pods that explain answers.' })),
  },
  { description: 'What is wanted.', 'x-kubernetes-preserve-unknown-fields': true },
);

// KServe's conditions come from Knative: severity is one of their own, and reason may be absent.
const condition = Type.Object({
  type: Type.String({ description: 'What the condition is about.' }),
  status: stringEnum(['True', 'False', 'Unknown'], { description: 'Whether it holds.' }),
  severity: text('Empty for an error, else Warning or Info.'),
  reason: text('One word for programs that says why.'),
  message: text('A sentence for people that says why.'),
  lastTransitionTime: text('When the status changed last.'),
});

const modelStatus = Type.Object(
  {
    transitionStatus: text('Whether the latest model serves: UpToDate, InProgress, BlockedByFailedLoad.'),
    states: Type.Optional(
      Type.Object(
        {
          activeModelState: text('State of the model that serves.'),
          targetModelState: text('State of the model that should serve: Pending, Loading, Loaded, FailedToLoad.'),
        },
        { description: 'States of the model.' },
      ),
    ),
    copies: Type.Optional(
      Type.Object(
        {
          totalCopies: Type.Optional(Type.Integer({ description: 'Copies that are loaded.' })),
          failedCopies: Type.Optional(Type.Integer({ description: 'Copies that failed to load.' })),
        },
        { description: 'Copies of the model.' },
      ),
    ),
    lastFailureInfo: Type.Optional(
      Type.Object(
        {
          reason: text('One word that says what failed, such as ModelLoadFailed.'),
          message: text('What failed.'),
          location: text('The pod it failed in.'),
          modelRevisionName: text('Revision of the model.'),
          time: text('When it failed.'),
          exitCode: Type.Optional(int32({ description: 'Exit code of the container.' })),
        },
        { description: 'The last failure.' },
      ),
    ),
  },
  { description: 'How the model is doing.', 'x-kubernetes-preserve-unknown-fields': true },
);

const address = Type.Optional(
  Type.Object(
    { url: text('URL inside the cluster.') },
    { description: 'Address inside the cluster.', 'x-kubernetes-preserve-unknown-fields': true },
  ),
);

const status = Type.Object(
  {
    observedGeneration: Type.Optional(
      Type.Integer({ format: 'int64', description: 'Generation of the object that was looked at last.' }),
    ),
    conditions: Type.Optional(listMap(['type'], condition, { description: 'What was found out about the object.' })),
    url: text('URL of the service.'),
    address,
    deploymentMode: text('How the pods are run: Standard (RawDeployment) or Serverless.'),
    modelStatus: Type.Optional(modelStatus),
    components: Type.Optional(
      mapOf(
        Type.Object({ url: text('URL of the component.'), address }, { 'x-kubernetes-preserve-unknown-fields': true }),
        { description: 'The components: predictor and others.' },
      ),
    ),
  },
  { description: 'What the controllers found out.', 'x-kubernetes-preserve-unknown-fields': true },
);

export type InferenceService = ObjectOf<typeof spec, typeof status>;
export type InferenceServicePredictor = Static<typeof predictor>;
export type InferenceServiceStatus = Static<typeof status>;

const traffic = (filter: string, field: string) => `.status.components.predictor.traffic[?(@.${filter})].${field}`;

export const InferenceService = defineKind<InferenceService>({
  group: apiGroup,
  kind: 'InferenceService',
  plural: 'inferenceservices',
  shortNames: ['isvc'],
  versions: [
    {
      name: 'v1beta1',
      served: true,
      schema: objectSchema(
        { spec: Type.Optional(spec), status: Type.Optional(status) },
        { description: 'Serves a model with pods of its own or of a serving runtime.' },
      ),
      printerColumns: [
        { name: 'URL', type: 'string', jsonPath: '.status.url' },
        { name: 'Ready', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
        { name: 'Prev', type: 'integer', jsonPath: traffic("tag=='prev'", 'percent') },
        { name: 'Latest', type: 'integer', jsonPath: traffic('latestRevision==true', 'percent') },
        { name: 'PrevRolledoutRevision', type: 'string', jsonPath: traffic("tag=='prev'", 'revisionName') },
        { name: 'LatestReadyRevision', type: 'string', jsonPath: traffic('latestRevision==true', 'revisionName') },
        { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
      ],
    },
  ],
});
