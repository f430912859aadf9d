import type { Kind } from '../kind.ts';
import { MutatingWebhookConfiguration } from './mutatingwebhookconfiguration.ts';
import { ValidatingWebhookConfiguration } from './validatingwebhookconfiguration.ts';

export { MutatingWebhookConfiguration, ValidatingWebhookConfiguration };

/** The kinds of admissionregistration.k8s.io/v1. */
export const kinds: readonly Kind[] = [MutatingWebhookConfiguration, ValidatingWebhookConfiguration];
