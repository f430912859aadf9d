import { rm } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hasKubectl, skipMessage } from './kubectl.ts';
import { startHeadgate, until } from './headgate.ts';

describe.skipIf(!hasKubectl)(`durability (${hasKubectl ? 'with kubectl' : skipMessage})`, () => {
  it('keeps every acknowledged object through SIGKILL', { timeout: 180_000 }, async () => {
    const first = await startHeadgate();
    onTestFinished(async () => {
      await first.kill();
      await rm(first.dataDir, { recursive: true, force: true });
    });
    const acknowledged: string[] = [];
    let killed = false;
    const writer = async (lane: number): Promise<void> => {
      for (let i = 0; i < 125 && !killed; i += 1) {
        const name = `kept-${lane}-${i}`;
        const { code } = await first.tryKubectl(['create', 'configmap', name, `--from-literal=value=${i}`]);
        if (code === 0) acknowledged.push(name);
      }
    };
    const writers = Promise.all([0, 1, 2, 3].map(writer));
    await until(
      () => acknowledged.length >= 200,
      () => `only ${acknowledged.length} were created`,
      120_000,
    );
    await first.kill();
    killed = true;
    await writers;

    const second = await startHeadgate([], { dataDir: first.dataDir });
    onTestFinished(() => second.kill());
    const names = (await second.kubectl(['get', 'configmap', '-o', 'name'])).split('\n');
    const present = new Set(names.map((name) => name.replace('configmap/', '')));
    expect(acknowledged.filter((name) => !present.has(name))).toEqual([]);
    expect(await second.stop()).toBe(0);
  });
});
