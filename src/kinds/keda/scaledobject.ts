import { Type } from '../type.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { freeForm, int32, listMap, objectSchema, stringEnum } from '../schema.ts';

/** ScaledObject v1alpha1 of KEDA: what KServe makes for InferenceServices that it is to scale by KEDA (aim.md 5.7). */

const text = (description: string) => Type.Optional(Type.String({ description }));

const spec = Type.Object(
  {
    scaleTargetRef: Type.Object(
      {
        apiVersion: text('API version of the target; apps/v1.'),
        kind: text('Kind of the target; Deployment.'),
        name: Type.String({ description: 'Name of the target.' }),
      },
      { description: 'What is scaled.', 'x-kubernetes-preserve-unknown-fields': true },
    ),
    minReplicaCount: Type.Optional(int32({ description: 'The fewest replicas; 0.' })),
    maxReplicaCount: Type.Optional(int32({ description: 'The most replicas; 100.' })),
    triggers: Type.Array(
      Type.Object(
        { type: Type.String({ description: 'Kind of the source.' }) },
        { 'x-kubernetes-preserve-unknown-fields': true },
      ),
      { description: 'Where the metrics come from.' },
    ),
    advanced: Type.Optional(
      Type.Object(
        {
          horizontalPodAutoscalerConfig: Type.Optional(
            Type.Object(
              { name: text('Name of the autoscaler; keda-hpa- and the name of this object.') },
              { description: 'The autoscaler that is made.', 'x-kubernetes-preserve-unknown-fields': true },
            ),
          ),
        },
        { description: 'Further settings.', 'x-kubernetes-preserve-unknown-fields': true },
      ),
    ),
    fallback: Type.Optional(freeForm({ description: 'What holds when the metrics fail.' })),
  },
  { description: 'What is wanted.', 'x-kubernetes-preserve-unknown-fields': true },
);

const condition = Type.Object({
  type: Type.String({ description: 'What the condition is about.' }),
  status: stringEnum(['True', 'False', 'Unknown'], { description: 'Whether it holds.' }),
  reason: text('One word that says why.'),
  message: text('Why, for people.'),
});

const status = Type.Object(
  {
    conditions: Type.Optional(listMap(['type'], condition, { description: 'What was found out about the object.' })),
    hpaName: text('Name of the autoscaler.'),
    scaleTargetKind: text('API version and kind of what is scaled.'),
  },
  { description: 'What KEDA found out.', 'x-kubernetes-preserve-unknown-fields': true },
);

export type ScaledObject = ObjectOf<typeof spec, typeof status>;

const conditionOf = (type: string) => `.status.conditions[?(@.type=="${type}")].status`;

export const ScaledObject = defineKind<ScaledObject>({
  group: 'keda.sh',
  kind: 'ScaledObject',
  plural: 'scaledobjects',
  shortNames: ['so'],
  versions: [
    {
      name: 'v1alpha1',
      served: true,
      schema: objectSchema(
        { spec, status: Type.Optional(status) },
        { description: 'Scales a workload by metrics of other systems.' },
      ),
      printerColumns: [
        { name: 'ScaleTargetKind', type: 'string', jsonPath: '.status.scaleTargetKind' },
        { name: 'ScaleTargetName', type: 'string', jsonPath: '.spec.scaleTargetRef.name' },
        { name: 'Min', type: 'integer', jsonPath: '.spec.minReplicaCount' },
        { name: 'Max', type: 'integer', jsonPath: '.spec.maxReplicaCount' },
        { name: 'Ready', type: 'string', jsonPath: conditionOf('Ready') },
        { name: 'Active', type: 'string', jsonPath: conditionOf('Active') },
        { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
      ],
    },
  ],
});
