import type * as admissionregistration from 'kubernetes-types/admissionregistration/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type MutatingWebhookConfiguration = Builtin<admissionregistration.MutatingWebhookConfiguration>;

export const MutatingWebhookConfiguration = defineBuiltin<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  model: 'V1MutatingWebhookConfiguration',
  namespaced: false,
  status: false,
  columns: [column<MutatingWebhookConfiguration>('Webhooks', ({ webhooks = [] }) => webhooks.length), age],
});
