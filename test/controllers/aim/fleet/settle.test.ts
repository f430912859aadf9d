import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generations, startFleet, summary, type Fleet, type Write } from './fleet.ts';
import { startWorld, type World } from './world.ts';

const count = 500;
/** Issue 5: no more than this many API writes for each service, with its share of models, templates and caches. */
const mostWrites = 12;
const patienceMs = 600_000;

describe.each(generations)('%s: 500 AIMServices applied at once', (generation) => {
  let world: World;
  let fleet: Fleet;

  beforeAll(async () => {
    world = await startWorld();
    fleet = await startFleet(world, { patienceMs });
    await fleet.apply(generation, count);
    await fleet.settled();
  }, patienceMs + 60_000);

  afterAll(async () => {
    await fleet.stop();
    await world.stop();
  });

  it('all settle, with no more than 12 writes for each', () => {
    expect(fleet.writes.length / count, summary(fleet.writes)).toBeLessThanOrEqual(mostWrites);
    const most = mostOf(fleet.writes);
    expect(most.writes.length, `${most.service}: ${summary(most.writes)}`).toBeLessThanOrEqual(mostWrites);
  });

  it(
    'a second pass over them, after a restart of the controllers, writes nothing',
    async () => {
      const before = fleet.writes.length;
      await fleet.restart();
      // Found in the same queues, behind all others.
      await fleet.apply(generation, 1, 'last');
      await fleet.settled();
      const again = fleet.writes.slice(before).filter(({ key, kind }) => kind !== 'Event' && !key.includes('/last-'));
      expect(summary(again)).toBe('');
    },
    patienceMs,
  );
});

/** The service with the most writes to it and to what bears its name. */
function mostOf(writes: readonly Write[]): { service: string; writes: Write[] } {
  const services = new Map<string, Write[]>();
  for (const write of writes) {
    const service = /\/(?<name>service-\d+)(?=-|\.|$)/.exec(write.key)?.groups?.['name'];
    if (service === undefined) continue;
    const own = services.get(service) ?? [];
    own.push(write);
    services.set(service, own);
  }
  const [most] = [...services].toSorted(([, one], [, other]) => other.length - one.length);
  if (most === undefined) throw new Error('no service was written');
  return { service: most[0], writes: most[1] };
}
