import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const installer = fileURLToPath(new URL('../tools/python-openai/install', import.meta.url));

/** A Python with the official OpenAI package, if the installer has cached one; with CI=true it is installed now. */
export function findPython(): string | undefined {
  if (process.env['CI'] === 'true') return execFileSync(installer, { encoding: 'utf8', timeout: 300_000 }).trim();
  const version = /^version="(.+)"$/m.exec(readFileSync(installer, 'utf8'))?.[1] ?? '';
  const cache = process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache');
  const python = path.join(cache, 'headgate-ci', `python-openai-${version}`, 'bin', 'python');
  return existsSync(python) ? python : undefined;
}

export const pythonSkipMessage =
  'skipped: there is no openai package for Python; test/tools/python-openai/install installs it';
