import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const installer = fileURLToPath(new URL('../tools/llamacpp/install', import.meta.url));

export interface LlamaCppParts {
  /** The directory that has node-llama-cpp. */
  runtime: string;
  /** A small real model. */
  gguf: string;
}

/** What the installer has cached; with CI=true it is installed now. */
export function findLlamaCpp(): LlamaCppParts | undefined {
  const runtime =
    process.env['CI'] === 'true' ? execFileSync(installer, { encoding: 'utf8', timeout: 600_000 }).trim() : cached();
  const gguf = path.join(runtime, 'model.gguf');
  return existsSync(gguf) ? { runtime, gguf } : undefined;
}

function cached(): string {
  const text = readFileSync(installer, 'utf8');
  const versionOf = (name: string): string => new RegExp(`^${name}="(.+)"$`, 'm').exec(text)?.[1] ?? '';
  const cache = process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache');
  return path.join(cache, 'headgate-ci', `llamacpp-${versionOf('runtime')}-${versionOf('wheel')}`);
}

export const llamaCppSkipMessage = 'skipped: there is no node-llama-cpp; test/tools/llamacpp/install installs it';
