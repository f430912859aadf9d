import { BackendSecurityPolicy } from '../../kinds/aigateway/backendsecuritypolicy.ts';
import { Secret } from '../../kinds/core/secret.ts';
import { ReferenceGrant } from '../../kinds/gateway/referencegrant.ts';
import { keyOf, refOf } from '../../kinds/object.ts';
import { watch } from '../../kube/controller.ts';
import type { InformerCache } from '../../kube/informer.ts';
import type { Definition } from '../../reconcile/pass.ts';
import { lookupOf } from '../../routing/lookup.ts';
import { noResources } from '../../routing/resources.ts';
import { summaryOf } from '../../routing/secrets.ts';
import { planSecurityPolicy } from './plan.ts';
import { policiesReading, policiesReadingAbroad, readsAbroad, secretKeysOf } from './policies.ts';
import { statusOf, type Verdict } from './verdict.ts';

/** Says of every BackendSecurityPolicy whether its credentials can be had: its fields, grants and Secrets (aigateway.md 1.7, 13). */
export function securityPolicyDefinition(informers: InformerCache): Definition<BackendSecurityPolicy, Verdict> {
  return {
    name: 'backendsecuritypolicy',
    manager: 'headgate-aigateway',
    kind: BackendSecurityPolicy,
    owns: [],
    reads: [Secret, ReferenceGrant],
    watches: [
      watch(informers.informer(Secret), ({ object }) => policiesReading(informers, keyOf(object.metadata))),
      watch(informers.informer(ReferenceGrant), () => policiesReadingAbroad(informers).map(keyOfPolicy)),
    ],
    observe: (policy, read) => {
      const secrets = secretKeysOf(policy).flatMap((key) => read.get(Secret, refOf(key)) ?? []);
      return planSecurityPolicy(
        lookupOf({
          ...noResources,
          secrets: secrets.map(summaryOf),
          referenceGrants: readsAbroad(policy) ? read.list(ReferenceGrant) : [],
        }),
        policy,
      );
    },
    plan: (policy, verdict) => ({ apply: [], status: (_failures, now) => statusOf(policy, verdict, now) }),
  };
}

const keyOfPolicy = ({ metadata }: BackendSecurityPolicy): string => keyOf(metadata);
