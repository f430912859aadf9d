import type { Kind } from '../kind.ts';
import { ControllerRevision } from './controllerrevision.ts';
import { DaemonSet } from './daemonset.ts';
import { Deployment } from './deployment.ts';
import { ReplicaSet } from './replicaset.ts';
import { StatefulSet } from './statefulset.ts';

export { ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet };

/** The kinds of apps/v1. The embedded node runs Deployments and ReplicaSets; the others are stored. */
export const kinds: readonly Kind[] = [Deployment, ReplicaSet, StatefulSet, DaemonSet, ControllerRevision];
