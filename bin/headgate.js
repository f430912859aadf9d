#!/usr/bin/env node
// Starts the command line on a Node that runs TypeScript directly. An older Node on the PATH (Node 20 is common) hands
// over to the Node 24 that `npm ci` installs as the dev dependency `node`.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
// A checkout runs its sources; the published package has only the bundle.
const source = at('../src/cli/main.ts');
const entry = existsSync(source) ? source : at('../dist/headgate.js');
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > 22 || (major === 22 && minor >= 18)) {
  process.argv[1] = entry;
  await import(entry);
} else {
  const pinned = at('../node_modules/node/bin/node');
  if (!existsSync(pinned)) {
    console.error(
      `headgate needs Node 22.18 or newer; this is ${process.version}. Run "npm ci" first, or install a newer Node.`,
    );
    process.exit(1);
  }
  const child = spawn(pinned, [entry, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}
