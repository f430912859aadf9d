import type { TSchema } from '../type.ts';
import { Type } from '../type.ts';
import { defineKind, type Kind, type KindAdmission, type PrinterColumn, type ScaleSubresource } from '../kind.ts';
import type { KubeObject } from '../object.ts';
import { objectSchema } from '../schema.ts';
import type { AimDialect } from './dialect.ts';

interface AimKind<T extends KubeObject> {
  kind: string;
  plural: string;
  shortName: string;
  description: string;
  spec: TSchema;
  status: TSchema;
  columns?: readonly PrinterColumn[];
  namespaced?: boolean;
  scale?: ScaleSubresource;
  statusSubresource?: boolean;
  admission?: KindAdmission<T>;
}

/** Defines a kind of one of the two AIM groups (aim.md 2.1, 11.1). */
export function defineAimKind<T extends KubeObject>(dialect: AimDialect, options: AimKind<T>): Kind<T> {
  const { kind, plural, shortName, description, spec, status, columns, scale } = options;
  const whole = {
    spec: Type.Optional({ ...spec, description: 'What is wanted.' }),
    status: Type.Optional({ ...status, description: 'What the controllers found out.' }),
  };
  return defineKind<T>({
    group: dialect.group,
    kind,
    plural,
    shortNames: [shortName],
    categories: ['aim', 'all'],
    namespaced: options.namespaced ?? true,
    status: options.statusSubresource ?? true,
    ...(scale && { scale }),
    ...(options.admission && { admission: options.admission }),
    versions: [
      {
        name: dialect.version,
        served: true,
        schema: objectSchema(whole, { description }),
        ...(columns && { printerColumns: columns }),
      },
    ],
  });
}
