import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { openStore, type Store } from '../../../src/apiserver/store/store.ts';

/** Writes to a store until the disk takes no more, then makes room; prints what it saw. store.test.ts limits its file size. */
const directory = process.argv[2] ?? '';
const window = { events: 1, bytes: 1 };
let store: Store = openStore(directory, window);

// What the store can compress would not fill the disk.
const write = (name: string, size: number) =>
  store.write('/configmaps', name, () => ({
    action: 'put',
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name },
      data: { value: randomBytes(size).toString('base64') },
    },
  }));

let error: unknown;
let stored = 0;
while (error === undefined && stored < 1000) {
  await write(`object-${stored}`, 20_000).then(
    () => (stored += 1),
    (reason: unknown) => (error = reason),
  );
}
const { code, reason, message } = error as { code: number; reason: string; message: string };
const readable = store.list('/configmaps').length === stored && store.get('/configmaps', 'object-0') !== undefined;
const nothingOfTheRefused = store.get('/configmaps', `object-${stored}`) === undefined;

// Room comes from outside: even a deletion needs some, for LMDB never overwrites what is in use.
execFileSync('prlimit', ['--fsize=unlimited', '--pid', String(process.pid)]);
const again = await write('again', 100);
const takenAgain = Number(again.metadata.resourceVersion) > stored;
await store.close();
store = openStore(directory, window);
const names = store.list('/configmaps').map(({ metadata }) => metadata.name);
const afterRestart =
  names.includes('again') && names.includes(`object-${stored - 1}`) && !names.includes(`object-${stored}`);
await store.close();
const refused = { code, reason, says: message.includes('Reads go on') };
process.stdout.write(JSON.stringify({ refused, readable, nothingOfTheRefused, takenAgain, afterRestart }));
