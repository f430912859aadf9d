import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../../src/apiserver/store/store.ts';

/** Fills the small disk that a store is on, from outside, and deletes everything; prints what it saw. store.test.ts makes the disk. */
const disk = process.argv[2] ?? '';
const store = openStore(join(disk, 'objects'), { events: 1, bytes: 1 });
const names = Array.from({ length: 30 }, (_, index) => `object-${index}`);
for (const name of names) {
  await store.write('/configmaps', name, () => ({
    action: 'put',
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name },
      data: { value: randomBytes(20_000).toString('base64') },
    },
  }));
}
for (let size = 1 << 20; size >= 512; size /= 2) {
  try {
    for (let count = 0; ; count += 1) writeFileSync(join(disk, `filler-${size}-${count}`), randomBytes(size));
  } catch {
    // Smaller ones may still fit.
  }
}
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code?: number }) => error.code,
  );
const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'new' }, data: { value: 'x' } };
const created = await outcome(store.write('/configmaps', 'new', () => ({ action: 'put', object })));
const removed = new Set<unknown>();
for (const name of names) {
  const work = store.write('/configmaps', name, (newest) => {
    if (newest === undefined) throw new Error(`${name} is not there`);
    return { action: 'remove', object: newest };
  });
  removed.add(await outcome(work));
}
process.stdout.write(JSON.stringify({ created, removed: [...removed], left: store.list('/configmaps').length }));
await store.close();
