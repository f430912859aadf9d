import type { Kind } from '../kind.ts';
import { MutatingWebhookConfiguration } from './mutatingwebhookconfiguration.ts';
import { ValidatingAdmissionPolicy } from './validatingadmissionpolicy.ts';
import { ValidatingAdmissionPolicyBinding } from './validatingadmissionpolicybinding.ts';
import { ValidatingWebhookConfiguration } from './validatingwebhookconfiguration.ts';

export {
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
};

/** The kinds of admissionregistration.k8s.io/v1. */
export const kinds: readonly Kind[] = [
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
];
