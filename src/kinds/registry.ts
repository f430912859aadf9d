import { kinds as admissionregistration } from './admissionregistration/index.ts';
import { kinds as aigateway } from './aigateway/index.ts';
import { kinds as airunway } from './airunway/index.ts';
import { kinds as aim } from './aim/index.ts';
import { kinds as apiextensions } from './apiextensions/index.ts';
import { kinds as apps } from './apps/index.ts';
import { kinds as authentication } from './authentication/index.ts';
import { kinds as authorization } from './authorization/index.ts';
import { kinds as autoscaling } from './autoscaling/index.ts';
import { kinds as batch } from './batch/index.ts';
import { kinds as certificates } from './certificates/index.ts';
import { kinds as coordination } from './coordination/index.ts';
import { kinds as core } from './core/index.ts';
import { kinds as discovery } from './discovery/index.ts';
import { kinds as envoygateway } from './envoygateway/index.ts';
import { kinds as events } from './events/index.ts';
import { kinds as gateway } from './gateway/index.ts';
import { kinds as inference } from './inference/index.ts';
import type { Kind } from './kind.ts';
import { kinds as keda } from './keda/index.ts';
import { kinds as kserve } from './kserve/index.ts';
import { kinds as metrics } from './metrics/index.ts';
import { kinds as networking } from './networking/index.ts';
import { kinds as node } from './node/index.ts';
import { kinds as policy } from './policy/index.ts';
import { kinds as rbac } from './rbac/index.ts';
import { kinds as scheduling } from './scheduling/index.ts';
import { kinds as storage } from './storage/index.ts';

/** Every kind that Headgate knows: what the embedded API serves and `headgate crds` prints. */
export const allKinds: readonly Kind[] = [
  ...core,
  ...apps,
  ...autoscaling,
  ...batch,
  ...coordination,
  ...discovery,
  ...events,
  ...storage,
  ...networking,
  ...policy,
  ...scheduling,
  ...node,
  ...certificates,
  ...rbac,
  ...authentication,
  ...authorization,
  ...admissionregistration,
  ...apiextensions,
  ...metrics,
  ...gateway,
  ...inference,
  ...aigateway,
  ...envoygateway,
  ...kserve,
  ...keda,
  ...aim,
  ...airunway,
];
