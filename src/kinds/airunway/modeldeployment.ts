import { Type } from '../type.ts';
import { describeFields } from '../describe.ts';
import { defineKind, type Kind } from '../kind.ts';
import { objectSchema } from '../schema.ts';
import { modelDeploymentAdmission } from './admission.ts';
import { airunway, kubeairunway, type AirunwayDialect } from './dialect.ts';
import { descriptions, spec, status, type ModelDeployment as Shape } from './modeldeploymentschema.ts';

export type ModelDeployment = Shape;

function modelDeploymentIn(dialect: AirunwayDialect): Kind<ModelDeployment> {
  return defineKind<ModelDeployment>({
    group: dialect.group,
    kind: 'ModelDeployment',
    plural: 'modeldeployments',
    admission: modelDeploymentAdmission(dialect),
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        schema: describeFields(
          objectSchema({ spec, status: Type.Optional(status) }),
          'A model to be served; engine and provider are chosen unless named.',
          descriptions,
        ),
        printerColumns: [
          { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
          { name: 'Provider', type: 'string', jsonPath: '.status.provider.name' },
          { name: 'Engine', type: 'string', jsonPath: '.status.engine.type' },
          { name: 'Replicas', type: 'integer', jsonPath: '.status.replicas.ready' },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
      },
    ],
  });
}

export const ModelDeployment = modelDeploymentIn(kubeairunway);
export const AirunwayModelDeployment = modelDeploymentIn(airunway);
