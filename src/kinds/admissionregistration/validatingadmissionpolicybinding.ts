import type * as admissionregistration from 'kubernetes-types/admissionregistration/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type ValidatingAdmissionPolicyBinding = Builtin<admissionregistration.ValidatingAdmissionPolicyBinding, 'spec'>;

export const ValidatingAdmissionPolicyBinding = defineBuiltin<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  model: 'V1ValidatingAdmissionPolicyBinding',
  namespaced: false,
  status: false,
  ineffective: 'ValidatingAdmissionPolicies are stored only: their rules are not checked here',
  columns: [
    column<ValidatingAdmissionPolicyBinding>('PolicyName', ({ spec }) => spec.policyName ?? ''),
    column<ValidatingAdmissionPolicyBinding>('ParamRef', ({ spec }) => {
      const { paramRef } = spec;
      if (paramRef === undefined) return '<unset>';
      if (paramRef.name === undefined) return '*';
      return paramRef.namespace === undefined ? paramRef.name : `${paramRef.namespace}/${paramRef.name}`;
    }),
    age,
  ],
});
