import { isIP } from 'node:net';
import type { KubeClient } from '../kube/client.ts';
import { reviewAccess } from './access.ts';
import { cookieName, isCookieOf, sameToken } from './localtoken.ts';

/** What a request says of who sends it. */
export interface Visitor {
  readonly method: string;
  readonly path: string;
  readonly remoteAddress: string | undefined;
  /** By lower-case name. */
  header(name: string): string | undefined;
}

export interface Refusal {
  readonly status: 401 | 403;
  readonly message: string;
}

/** Says why a request is refused; undefined lets it in. */
export type Guard = (visitor: Visitor) => Promise<Refusal | undefined>;

export interface GuardOptions {
  /** The token in the data directory, for programs and browsers on this machine; absent: there is none. */
  readonly localToken?: string;
  /** The API that knows all other tokens; absent: none are taken. */
  readonly reviewer?: KubeClient | undefined;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/**
 * The one guard of everything that is not for probes and scrapes. A visitor shows a bearer token: the local one, or one whose user the
 * API lets `get` (or `post`) the path. Browsers show a cookie made from the local token. A web page must be our own: its origin is
 * compared with the name that was asked for, which is an address of this machine (a foreign name may have been made to resolve to it).
 */
export function createGuard({ localToken, reviewer, now = Date.now }: GuardOptions): Guard {
  return async (visitor) => {
    const local = localToken !== undefined && isLoopback(visitor.remoteAddress);
    const foreign = foreignPage(visitor, local);
    if (foreign !== undefined) return { status: 403, message: foreign };
    const token = /^Bearer +(\S+)$/i.exec(visitor.header('authorization') ?? '')?.[1];
    if (local) {
      if (token !== undefined && sameToken(token, localToken)) return undefined;
      const cookie = cookieIn(visitor.header('cookie'));
      if (token === undefined && cookie !== undefined && isCookieOf(localToken, cookie, now())) return undefined;
    }
    if (token === undefined || reviewer === undefined) return { status: 401, message: 'a bearer token is required' };
    const access = await reviewAccess(reviewer, token, visitor.method.toLowerCase(), visitor.path);
    if (access === 200) return undefined;
    return access === 401
      ? { status: 401, message: 'the bearer token is not known' }
      : { status: 403, message: `not allowed to ${visitor.method.toLowerCase()} ${visitor.path}` };
  };
}

/** Why the request may come from a web page that is not ours; undefined: it does not. */
function foreignPage(visitor: Visitor, local: boolean): string | undefined {
  const host = visitor.header('host') ?? '';
  if (local && !isLoopbackName(host)) {
    return `host "${host}" is not an address of this machine: use localhost or the address that was printed`;
  }
  const origin = visitor.header('origin');
  const site = visitor.header('sec-fetch-site');
  // Only old browsers leave the site out; they do send an origin with what changes something.
  const sameSite = site === undefined || site === 'same-origin' || site === 'none';
  const sameOrigin = origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
  return sameSite && sameOrigin ? undefined : 'only for pages of this server';
}

/** `localhost` or a loopback address, with or without a port. */
function isLoopbackName(host: string): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  return name === 'localhost' || name === '[::1]' || (isIP(name) === 4 && name.startsWith('127.'));
}

export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  return address === '::1' || address.replace(/^::ffff:/, '').startsWith('127.');
}

function cookieIn(header: string | undefined): string | undefined {
  const found = header?.split(';').find((cookie) => cookie.trim().startsWith(`${cookieName}=`));
  return found?.trim().slice(cookieName.length + 1);
}
