import { Type } from '../type.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../object.ts';
import { freeForm, objectSchema } from '../schema.ts';

/**
 * Kinds of other operators that Headgate makes objects of when they are installed. Their definitions are theirs: Headgate does
 * not serve them, and reads of their objects only what the translators need.
 */

export type UpstreamObject = KubeObject & Record<string, unknown>;

function upstreamKind(group: string, version: string, kind: string, plural: string): Kind<UpstreamObject> {
  const schema = objectSchema({ spec: Type.Optional(freeForm()), status: Type.Optional(freeForm()) });
  return defineKind<UpstreamObject>({ group, kind, plural, versions: [{ name: version, served: true, schema }] });
}

export const KaitoWorkspace = upstreamKind('kaito.sh', 'v1beta1', 'Workspace', 'workspaces');
export const DynamoGraphDeployment = upstreamKind(
  'nvidia.com',
  'v1alpha1',
  'DynamoGraphDeployment',
  'dynamographdeployments',
);
export const RayService = upstreamKind('ray.io', 'v1', 'RayService', 'rayservices');
