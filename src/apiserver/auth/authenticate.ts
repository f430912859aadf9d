import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ApiError } from '../status.ts';
import { certificateUser } from './clientcertificate.ts';
import { apiAudience, type ServiceAccountTokens, type VerifiedToken } from './serviceaccounttokens.ts';
import { administrator, type User } from './user.ts';

/** Finds out who somebody is. */
export interface Authenticator {
  /** The user of a request. Without a client certificate or token that is valid it is refused with 401: there are no anonymous users. */
  authenticate(request: Pick<IncomingMessage, 'headers' | 'socket'>): User;
  /** A bearer token's user, or why it is not accepted. */
  verify(token: string, audiences: readonly string[]): VerifiedToken | { error: string };
}

export function createAuthenticator(adminToken: string, tokens: ServiceAccountTokens): Authenticator {
  // Digests are of one length and tell nothing about the token by how long comparing them takes.
  const adminDigest = digest(adminToken);
  const verify: Authenticator['verify'] = (token, audiences) => {
    if (!timingSafeEqual(digest(token), adminDigest)) return tokens.verify(token, audiences, new Date());
    return audiences.includes(apiAudience)
      ? { user: administrator, audiences: [apiAudience] }
      : { error: 'token audiences are invalid for the target audiences' };
  };
  return {
    verify,
    authenticate({ headers, socket }) {
      const certified = certificateUser(socket);
      if (certified !== undefined) return certified;
      const token = /^Bearer +(?<token>\S+) *$/i.exec(headers.authorization ?? '')?.groups?.['token'];
      const verified = token === undefined ? undefined : verify(token, [apiAudience]);
      if (verified === undefined || 'error' in verified) throw new ApiError(401, 'Unauthorized', 'Unauthorized');
      return verified.user;
    },
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
