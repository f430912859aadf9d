import type * as admissionregistration from 'kubernetes-types/admissionregistration/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type ValidatingWebhookConfiguration = Builtin<admissionregistration.ValidatingWebhookConfiguration>;

export const ValidatingWebhookConfiguration = defineBuiltin<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  model: 'V1ValidatingWebhookConfiguration',
  namespaced: false,
  status: false,
  columns: [column<ValidatingWebhookConfiguration>('Webhooks', ({ webhooks = [] }) => webhooks.length), age],
});
