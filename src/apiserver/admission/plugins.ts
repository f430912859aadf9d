import type { Authorizer } from '../auth/rbac.ts';
import type { Resources } from '../resources.ts';
import type { Store } from '../store/store.ts';
import { certificateAdmission } from './certificaterequest.ts';
import { escalationAdmission } from './escalation.ts';
import { kindRules } from './kindrules.ts';
import type { AdmissionPlugin } from './plugin.ts';
import { serviceAccountAdmission } from './serviceaccount.ts';
import type { WebhookClient } from './webhookclient.ts';
import { webhookAdmission } from './webhooks.ts';

interface Dependencies {
  store: Store;
  resources: Resources;
  authorizer: Authorizer;
  client: WebhookClient;
}

/** All rules of admission in the order in which they act. */
export function createAdmission(dependencies: Dependencies): AdmissionPlugin[] {
  const { store, resources, authorizer } = dependencies;
  // Tests start servers without ServiceAccounts.
  const accounts = resources.find('', 'v1', 'serviceaccounts') === undefined ? [] : [serviceAccountAdmission(store)];
  return [
    ...accounts,
    kindRules,
    certificateAdmission(authorizer),
    escalationAdmission(authorizer),
    ...webhookAdmission(dependencies),
  ];
}
