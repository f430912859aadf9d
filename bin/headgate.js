#!/usr/bin/env node
// Starts the command line on a Node that runs TypeScript directly. An older Node on the PATH (Node 20 is common) hands
// over to the Node 24 that `npm ci` installs as the dev dependency `node`.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
// A checkout runs its sources; the published package has only the bundle.
const source = at('../src/cli/main.ts');
const entry = existsSync(source) ? source : at('../dist/headgate.js');
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const args = process.argv.slice(2);

// `up` runs for long and in little memory (docs/performance.md says what each setting saves). A Node that runs already cannot take them.
const settings = JSON.parse(readFileSync(at('memory.json'), 'utf8'));
const [nodeOptions, environment] =
  args[0] === 'up' ? [settings.nodeOptions, { ...settings.environment, ...process.env }] : [[], process.env];

if (major > 22 || (major === 22 && minor >= 18)) {
  if (nodeOptions.some((option) => !process.execArgv.includes(option)) && canReplaceItself()) {
    process.execve(
      process.execPath,
      [process.execPath, ...nodeOptions, ...process.execArgv, ...process.argv.slice(1)],
      environment,
    );
  }
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
  const child = spawn(pinned, [...nodeOptions, entry, ...args], { stdio: 'inherit', env: environment });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}

// Same process id, same files; not on Windows, where there is no such call.
function canReplaceItself() {
  return process.platform !== 'win32' && typeof process.execve === 'function';
}
