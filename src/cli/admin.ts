import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isLoopback } from '../admin/guard.ts';
import { adminTokenFile, adminUrlFile } from '../app/datadir.ts';

/** Which running `headgate up` a command is about. */
export interface AdminFlags {
  dataDir: string;
  /** Its address, instead of the one that `dataDir` tells. */
  admin?: string;
  /** A file with a bearer token, instead of the token of `dataDir`. */
  adminTokenFile?: string;
}

const timeoutMs = 10_000;

/**
 * Asks the admin API of a running `headgate up`; resolves with the JSON it answers.
 *
 * @throws Error that says what to do, when it does not run or refuses
 */
export async function askAdmin(flags: AdminFlags, resource: string, body?: unknown): Promise<unknown> {
  const response = await callAdmin(flags, resource, AbortSignal.timeout(timeoutMs), body);
  const answer: unknown = await response.json();
  return answer;
}

/** As `askAdmin`, with the answer as it comes. */
export async function callAdmin(
  flags: AdminFlags,
  resource: string,
  signal: AbortSignal,
  body?: unknown,
): Promise<Response> {
  const base = flags.admin ?? (await adminUrl(flags.dataDir));
  const url = new URL(`/admin/v1/${resource}`, base);
  const token = await tokenFor(flags, url);
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await send(url, { ...init, headers, signal });
  if (response.ok) return response;
  const text = await response.text();
  throw new Error(`${base} answered ${response.status}: ${errorMessage(text) ?? text.trim()}`);
}

async function adminUrl(dataDir: string): Promise<string> {
  const file = path.join(path.resolve(dataDir), adminUrlFile);
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    throw new Error(
      `no \`headgate up\` runs with the data directory ${path.resolve(dataDir)}; name another with --data-dir, or its address with --admin`,
    );
  }
}

/** The data directory's token is for this machine: it is sent nowhere else. */
async function tokenFor({ dataDir, adminTokenFile: given }: AdminFlags, url: URL): Promise<string | undefined> {
  if (given !== undefined) {
    return (
      await readFile(given, 'utf8').catch((error: unknown) => {
        throw new Error(`--admin-token-file: ${error instanceof Error ? error.message : String(error)}`);
      })
    ).trim();
  }
  if (!isLoopback(url.hostname.replace(/^\[|\]$/g, '')) && url.hostname !== 'localhost') return undefined;
  return (await readFile(path.join(path.resolve(dataDir), adminTokenFile), 'utf8').catch(() => undefined))?.trim();
}

async function send(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new Error(`cannot ask ${url.origin}: ${cause}; is \`headgate up\` running?`, { cause: error });
  }
}

function errorMessage(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const error: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'error') : undefined;
    const message: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'message') : undefined;
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
