import type { Behaviour } from '../behaviour.ts';
import { serverSideApply } from './apply.ts';
import { create } from './create.ts';
import { customResources } from './customresources.ts';
import { discovery } from './discovery.ts';
import { eventGroups } from './events.ts';
import { roleBasedAccess } from './rbac/rbac.ts';
import { read } from './read.ts';
import { deletion } from './remove.ts';
import { schemas } from './schemas.ts';
import { validation } from './validation.ts';
import { watching } from './watch.ts';
import { wire } from './wire.ts';
import { write } from './write.ts';

/** The table of behaviours that the embedded API and a real kube-apiserver are both held to, by topic. */
export const behaviours: Readonly<Record<string, readonly Behaviour[]>> = {
  discovery,
  create,
  validation,
  read,
  write,
  'server-side apply': serverSideApply,
  deletion,
  watch: watching,
  events: eventGroups,
  'wire, authentication and authorization': wire,
  'role-based access': roleBasedAccess,
  'custom resources': customResources,
  'schemas of custom resources': schemas,
};
