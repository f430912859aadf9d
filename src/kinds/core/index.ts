import type { Kind } from '../kind.ts';
import { ConfigMap } from './configmap.ts';
import { Endpoints } from './endpoints.ts';
import { Event } from './event.ts';
import { LimitRange } from './limitrange.ts';
import { Namespace } from './namespace.ts';
import { Node } from './node.ts';
import { PersistentVolume } from './persistentvolume.ts';
import { PersistentVolumeClaim } from './persistentvolumeclaim.ts';
import { Pod } from './pod.ts';
import { ResourceQuota } from './resourcequota.ts';
import { Secret } from './secret.ts';
import { Service } from './service.ts';
import { ServiceAccount } from './serviceaccount.ts';

export {
  ConfigMap,
  Endpoints,
  Event,
  LimitRange,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  ResourceQuota,
  Secret,
  Service,
  ServiceAccount,
};

/** The kinds of the core group that Headgate serves. */
export const kinds: readonly Kind[] = [
  Namespace,
  Pod,
  Service,
  Endpoints,
  ConfigMap,
  Secret,
  ServiceAccount,
  Node,
  Event,
  PersistentVolumeClaim,
  PersistentVolume,
  ResourceQuota,
  LimitRange,
];
