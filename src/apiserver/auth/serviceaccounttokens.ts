import { randomUUID } from 'node:crypto';
import { keyOf } from '../../kinds/object.ts';
import { listAt, stringAt, valueAt, type JsonObject } from '../json.ts';
import type { StoredObject } from '../store/object.ts';
import type { Store } from '../store/store.ts';
import type { TokenSigner } from './jwt.ts';
import { authenticatedGroup, serviceAccountGroups, serviceAccountUserName, type User } from './user.ts';

export const apiAudience = 'https://kubernetes.default.svc.cluster.local';
const issuer = apiAudience;

/** The object with whose end a token ends, too. */
export interface Binding {
  kind: 'Pod' | 'Secret';
  name: string;
  uid: string;
}

export interface TokenOptions {
  audiences: readonly string[];
  expirationSeconds: number;
  binding: Binding | undefined;
}

export interface VerifiedToken {
  user: User;
  /** The audiences that were asked for and that the token has. */
  audiences: string[];
}

/** Tokens of ServiceAccounts: signed statements about the account, which hold while it and what they are bound to exist. */
export interface ServiceAccountTokens {
  issue(account: StoredObject, options: TokenOptions, now: Date): { token: string; expires: Date };
  /** A token's user, or why it is not accepted. The reason says nothing about the token itself. */
  verify(token: string, audiences: readonly string[], now: Date): VerifiedToken | { error: string };
}

export function createServiceAccountTokens(store: Store, signer: TokenSigner): ServiceAccountTokens {
  return {
    issue(account, { audiences, expirationSeconds, binding }, now) {
      const issued = Math.floor(now.getTime() / 1000);
      const { name, namespace = '', uid } = account.metadata;
      const bound = binding === undefined ? undefined : { name: binding.name, uid: binding.uid };
      const token = signer.sign({
        aud: audiences.length === 0 ? [apiAudience] : audiences,
        exp: issued + expirationSeconds,
        iat: issued,
        iss: issuer,
        jti: randomUUID(),
        'kubernetes.io': {
          namespace,
          ...(binding !== undefined && { [binding.kind.toLowerCase()]: bound }),
          serviceaccount: { name, uid },
        },
        nbf: issued,
        sub: serviceAccountUserName(namespace, name),
      });
      return { token, expires: new Date((issued + expirationSeconds) * 1000) };
    },

    verify(token, audiences, now) {
      const claims = signer.open(token);
      if (claims === undefined || claims['iss'] !== issuer) return { error: 'invalid bearer token' };
      const seconds = now.getTime() / 1000;
      if (Number(claims['exp']) <= seconds) return { error: 'service account token has expired' };
      if (Number(claims['nbf']) > seconds + 10) return { error: 'service account token is not valid yet' };
      const granted = listAt(claims, 'aud').filter((audience) => typeof audience === 'string');
      const common = audiences.filter((audience) => granted.includes(audience));
      if (common.length === 0) {
        return {
          error: `token audiences ${JSON.stringify(granted)} is invalid for the target audiences ${JSON.stringify(audiences)}`,
        };
      }
      const about = valueAt(claims, 'kubernetes.io');
      const account = find(store, '/serviceaccounts', about, 'serviceaccount');
      if (account === undefined) return { error: 'service account has been deleted' };
      for (const [kind, resource] of boundKinds) {
        if (valueAt(about, kind) === undefined || find(store, resource, about, kind) !== undefined) continue;
        return { error: `the ${kind} that the service account token is bound to has been deleted` };
      }
      return { user: userOf(account, claims), audiences: common };
    },
  };
}

const boundKinds = [
  ['pod', '/pods'],
  ['secret', '/secrets'],
] as const;

function find(store: Store, resource: string, about: unknown, claim: string): StoredObject | undefined {
  const namespace = stringAt(about, 'namespace');
  const found = store.get(resource, keyOf({ namespace, name: stringAt(about, claim, 'name') ?? '' }));
  return found?.metadata.uid === stringAt(about, claim, 'uid') ? found : undefined;
}

function userOf({ metadata }: StoredObject, claims: JsonObject): User {
  const { name, namespace = '', uid } = metadata;
  const pod = valueAt(claims, 'kubernetes.io', 'pod');
  return {
    name: serviceAccountUserName(namespace, name),
    ...(uid !== undefined && { uid }),
    groups: [...serviceAccountGroups(namespace), authenticatedGroup],
    extra: {
      'authentication.kubernetes.io/credential-id': [`JTI=${String(claims['jti'])}`],
      ...(pod !== undefined && {
        'authentication.kubernetes.io/pod-name': [stringAt(pod, 'name') ?? ''],
        'authentication.kubernetes.io/pod-uid': [stringAt(pod, 'uid') ?? ''],
      }),
    },
  };
}
