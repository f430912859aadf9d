#!/usr/bin/env node
// Starts the command line on a Node that runs TypeScript directly. An older Node on the PATH (Node 20 is common) hands
// over to the Node 24 that `npm ci` installs as the dev dependency `node`.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import * as modules from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
// A checkout runs its sources; the published package has only the bundle.
const source = at('../src/cli/main.ts');
const fromSource = existsSync(source);
const entry = fromSource ? source : at('../dist/headgate.js');
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const args = process.argv.slice(2);

// `up` runs for long and in little memory (docs/performance.md says what each setting saves). A Node that runs already cannot take them.
const settings = JSON.parse(readFileSync(at('memory.json'), 'utf8'));
const [nodeOptions, environment] =
  args[0] === 'up' ? [settings.nodeOptions, { ...settings.environment, ...process.env }] : [[], process.env];

if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  // Any Node can say it, at once.
  console.log(JSON.parse(readFileSync(at('../package.json'), 'utf8')).version);
} else if (major > 22 || (major === 22 && minor >= 18)) {
  const handedOver = process.env.HEADGATE_HANDED_OVER === '1';
  // The channel to the older Node would not outlive the replacement; that one has given the options.
  if (!handedOver && nodeOptions.some((option) => !process.execArgv.includes(option)) && canReplaceItself()) {
    process.execve(
      process.execPath,
      [process.execPath, ...nodeOptions, ...process.execArgv, ...process.argv.slice(1)],
      environment,
    );
  }
  if (handedOver) endWithParent();
  // What was compiled once is loaded from then on, and types are not stripped again: a third of the time.
  process.env.NODE_COMPILE_CACHE ??= compileCache();
  modules.enableCompileCache(process.env.NODE_COMPILE_CACHE);
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
  const child = spawn(pinned, [...nodeOptions, fileURLToPath(import.meta.url), ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...environment, HEADGATE_HANDED_OVER: '1' },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}

/** Ends this process in order when the older Node that started it, whose process id the user sees, is gone. */
function endWithParent() {
  delete process.env.HEADGATE_HANDED_OVER;
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}

/** In a checkout beside other tools' caches; else the user's own, for a package may lie where only root may write. */
function compileCache() {
  if (fromSource) return at('../node_modules/.cache/headgate');
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'headgate');
}

// Same process id, same files; not on Windows, where there is no such call.
function canReplaceItself() {
  return process.platform !== 'win32' && typeof process.execve === 'function';
}
