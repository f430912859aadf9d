import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { adminUrlFile } from '../app/datadir.ts';

/** Which running `headgate up` a command is about. */
export interface AdminFlags {
  dataDir: string;
  /** Instead of `dataDir`. */
  admin?: string;
}

const timeoutMs = 10_000;

/**
 * The JSON of one of the debug pages of a running `headgate up`.
 *
 * @throws Error that says what to do, when it does not run or refuses
 */
export async function askAdmin(flags: AdminFlags, page: string, init: RequestInit = {}): Promise<unknown> {
  const base = flags.admin ?? (await adminUrl(flags.dataDir));
  const response = await send(new URL(page, base), init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${base} answered ${response.status}: ${text.trim()}`);
  return JSON.parse(text);
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

async function send(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new Error(`cannot ask ${url.origin}: ${cause}; is \`headgate up\` running?`, { cause: error });
  }
}
