import type { Behaviour } from '../../behaviour.ts';
import { bindingWriting } from './bindings.ts';
import { covering } from './coverage.ts';
import { impersonation } from './impersonation.ts';
import { roleWriting } from './roles.ts';

/**
 * Nobody may give away by roles and bindings what he may not do himself: the tables of Kubernetes' own unit tests, as requests of
 * users.
 */
export const roleBasedAccess: readonly Behaviour[] = [...covering, ...roleWriting, ...bindingWriting, ...impersonation];
