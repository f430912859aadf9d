import { cookieName, cookieOf, cookieSeconds } from './localtoken.ts';
import type { AdminRoute } from './server.ts';

/**
 * Makes a cookie of the local token, for a browser that cannot send it by itself: the answer to `POST /admin/v1/session` with the token as
 * bearer. Scripts cannot read it, and other sites' pages cannot have it sent.
 */
export function sessionRoute(localToken: string, now: () => number = Date.now): AdminRoute {
  const attributes = `Path=/admin; HttpOnly; SameSite=Strict; Max-Age=${cookieSeconds}`;
  return {
    method: 'POST',
    path: '/admin/v1/session',
    handle: () => ({
      status: 204,
      contentType: 'text/plain',
      headers: { 'set-cookie': `${cookieName}=${cookieOf(localToken, now())}; ${attributes}` },
      text: '',
    }),
  };
}
