/**
 * `npm run bench:controllers [-- --objects 50,500,5000 --group aim.silogen.ai]`: AIM's controllers bring fleets of AIMServices, applied at once,
 * to Running, and pass over them again after a restart. The embedded API and what else would be on a cluster (KServe, the kubelet,
 * a Gateway) are played in another process: memory and CPU time are those of the controllers alone.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { generations, startFleet, summary, type Generation } from '../controllers/aim/fleet/fleet.ts';
import type { Target } from '../controllers/aim/fleet/world.ts';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '50,500,5000' },
    group: { type: 'string', multiple: true, default: [...generations] },
    verbose: { type: 'boolean', default: false },
  },
});
const sizes = values.objects.split(',').map(Number);
const patienceMs = 3_600_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

console.log(`machine   ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, node ${process.version}`);
console.log('load      AIMServices with a route each, 20 to an image, over 5 namespaces\n');
console.log(
  row(['group', 'objects', 'applied', 'settled', 'CPU', 'CPU each', 'writes each', 'heap', 'heap each', '2nd pass']),
);
for (const generation of generations.filter((group) => values.group.includes(group))) {
  for (const size of sizes) console.log(await bench(generation, size));
}

async function bench(generation: Generation, size: number): Promise<string> {
  const world = spawn(process.execPath, [fileURLToPath(new URL('./controllersworld.ts', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    return await measure(generation, size, await targetOf(world));
  } finally {
    if (world.exitCode === null) {
      world.kill('SIGTERM');
      await once(world, 'exit');
    }
  }
}

async function measure(generation: Generation, size: number, target: Target): Promise<string> {
  const empty = heap();
  const fleet = await startFleet(target, { patienceMs });
  try {
    const start = performance.now();
    const cpu = process.cpuUsage();
    await fleet.apply(generation, size);
    const applied = performance.now() - start;
    await fleet.settled();
    const settled = fleet.lastWriteAt() - start;
    const { user, system } = process.cpuUsage(cpu);
    const cpuMs = (user + system) / 1000;
    const writes = fleet.writes.length;
    const used = heap() - empty;
    if (values.verbose) console.log(summary(fleet.writes));
    const again = performance.now();
    await fleet.restart();
    // Behind all others in the queues, so that they have been passed over when it is Running.
    await fleet.apply(generation, 1, 'last');
    await fleet.settled();
    const second = fleet.lastWriteAt() - again;
    const rewritten = fleet.writes.slice(writes).filter(({ key, kind }) => kind !== 'Event' && !key.includes('/last-'));
    return row([
      generation,
      String(size),
      seconds(applied),
      seconds(settled),
      seconds(cpuMs),
      `${(cpuMs / size).toFixed(1)} ms`,
      (writes / size).toFixed(2),
      `${(used / 2 ** 20).toFixed(0)} MiB`,
      `${(used / 2 ** 10 / size).toFixed(0)} KiB`,
      `${seconds(second)}, ${String(rewritten.length)} writes`,
    ]);
  } finally {
    await fleet.stop();
  }
}

function heap(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(16) : cell.padStart(index === 9 ? 18 : 12))).join('');
}

async function targetOf(world: ChildProcess): Promise<Target> {
  if (world.stdout === null) throw new Error('the world has no output');
  for await (const line of createInterface({ input: world.stdout })) return JSON.parse(line) as Target;
  throw new Error('the world did not start');
}
