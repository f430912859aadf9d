import type * as admissionregistration from 'kubernetes-types/admissionregistration/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type ValidatingAdmissionPolicy = Builtin<admissionregistration.ValidatingAdmissionPolicy, 'spec'>;

export const ValidatingAdmissionPolicy = defineBuiltin<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  model: 'V1ValidatingAdmissionPolicy',
  namespaced: false,
  status: true,
  ineffective: 'ValidatingAdmissionPolicies are stored only: their rules are not checked here',
  columns: [
    column<ValidatingAdmissionPolicy>('Validations', ({ spec }) => spec.validations?.length ?? 0),
    column<ValidatingAdmissionPolicy>('ParamKind', ({ spec }) =>
      spec.paramKind === undefined ? '<unset>' : `${spec.paramKind.apiVersion ?? ''}/${spec.paramKind.kind ?? ''}`,
    ),
    age,
  ],
});
