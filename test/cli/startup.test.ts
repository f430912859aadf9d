import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** What commands load, which is most of the time that they take to start: a bound on modules holds on a busy machine, too. */

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Records what is loaded, and prints it at the end. */
const recorder = `
import { registerHooks } from 'node:module';
const loaded = [];
registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
process.on('exit', () => process.stderr.write('LOADED ' + JSON.stringify(loaded)));
`;

async function loadedBy(words: readonly string[]): Promise<string[]> {
  const preload = `data:text/javascript,${encodeURIComponent(recorder)}`;
  const { stderr } = await promisify(execFile)(process.execPath, ['--import', preload, ...words], {
    maxBuffer: 16 * 1024 * 1024,
  });
  const urls = JSON.parse(/LOADED (.*)$/s.exec(stderr)?.[1] ?? '[]') as string[];
  return urls.filter((url) => url.startsWith('file:'));
}

const importing = (path: string): string[] => [
  '--input-type=module',
  '-e',
  `await import(${JSON.stringify(at(path))})`,
];

/** Libraries that are loaded in part, or when they are first needed. */
const notAtOnce = [
  '/node_modules/typebox/',
  '/node_modules/ajv/',
  '/node_modules/@peculiar/',
  '/node_modules/@opentelemetry/',
  '/node_modules/prom-client/index.js',
  '/node_modules/undici/index.js',
  '/node_modules/ws/',
  '/src/controllers/aim/',
  '/src/gateway/',
];

test.each(['--version', '--help'])('%s loads the command line and nothing else', async (flag) => {
  const loaded = await loadedBy([at('bin/headgate.js'), flag]);
  expect(loaded.length).toBeGreaterThan(0);
  expect(loaded.length).toBeLessThan(60);
});

test.each([
  ['headgate up, until its node has started', 'src/app/up.ts', 700],
  ['the simulator', 'src/simulator/vllm.ts', 80],
  ['the test upstream', 'src/simulator/testupstream.ts', 40],
])('%s loads no more than it needs', async (_, path, most) => {
  const loaded = await loadedBy(importing(path));
  expect(loaded.filter((url) => notAtOnce.some((part) => url.includes(part)))).toEqual([]);
  expect(loaded.length).toBeGreaterThan(5);
  expect(loaded.length).toBeLessThan(most);
});

test("importing node:http does not bring Node's own undici with it", async () => {
  const script = `
    await import(${JSON.stringify(at('src/cli/lighthttp.ts'))});
    const http = await import('node:http');
    const { createRequire } = await import('node:module');
    console.log(Object.keys(http).includes('WebSocket'), typeof http.createServer, typeof createRequire('/')('node:http').WebSocket);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  expect(stdout.trim()).toBe('false function function');
});
