import { keyIn } from '../../../kinds/airunway/dialect.ts';
import type { ServedModel } from './provider.ts';

/** Labels by which the objects of operators, and their pods, can be traced to the deployment (airunway.md 1.5). */
export function provenance({ deployment, dialect, engine }: ServedModel): Record<string, string> {
  const { name } = deployment.metadata;
  return {
    [keyIn(dialect, 'managed-by')]: dialect.name,
    [keyIn(dialect, 'deployment')]: name,
    [keyIn(dialect, 'model-deployment')]: name,
    [keyIn(dialect, 'model-source')]: deployment.spec.model.source ?? 'huggingface',
    [keyIn(dialect, 'engine-type')]: engine,
  };
}

/** A model id as the value of a label: other characters become dashes, at most 63. */
export function modelIdLabel(id: string): string {
  return id
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 63)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
}
