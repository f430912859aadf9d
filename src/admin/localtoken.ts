import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';

/** A secret for programs of the same user on the same machine: they read it from a file that nobody else can. */

/** Makes a new token and leaves it in a file of mode 0600. */
export async function writeLocalToken(file: string): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  // A file that is there already would keep its mode.
  await rm(file, { force: true });
  await writeFile(file, `${token}\n`, { mode: 0o600, flag: 'wx' });
  return token;
}

export function sameToken(given: string, token: string): boolean {
  return timingSafeEqual(digest(given), digest(token));
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export const cookieName = 'headgate-admin';
export const cookieSeconds = 12 * 60 * 60;

/** `expiry.signature`: what a browser holds in the place of the token, for `cookieSeconds`. */
export function cookieOf(token: string, nowMs: number): string {
  const expiry = Math.floor(nowMs / 1000) + cookieSeconds;
  return `${expiry}.${signature(token, expiry)}`;
}

export function isCookieOf(token: string, cookie: string, nowMs: number): boolean {
  const [, expiry = '', signed = ''] = /^(\d{1,12})\.([\w-]+)$/.exec(cookie) ?? [];
  return Number(expiry) * 1000 > nowMs && sameToken(signed, signature(token, Number(expiry)));
}

function signature(token: string, expiry: number): string {
  return createHmac('sha256', token).update(`admin cookie until ${expiry}`).digest('base64url');
}
