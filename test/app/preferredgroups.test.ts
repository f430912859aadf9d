import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { startApiServer } from '../../src/apiserver/server.ts';
import { preferring } from '../../src/app/preferredgroups.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { hasKubectl, run } from '../e2e/kubectl.ts';

it.skipIf(!hasKubectl).each([
  [[], 'aim.silogen.ai', 'kubeairunway.ai'],
  [['aim.eai.amd.com', 'airunway.ai'], 'aim.eai.amd.com', 'airunway.ai'],
])('short names mean to kubectl the groups that are preferred: %j', async (groups, aim, airunway) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'headgate-groups-'));
  const kinds = preferring(allKinds, groups);
  const api = await startApiServer({ dataDir: directory, kinds, log: createLog({ level: 'silent' }) });
  try {
    const file = path.join(directory, 'kubeconfig');
    await writeFile(file, api.kubeconfig(), { mode: 0o600 });
    const explained = async (name: string): Promise<string> => {
      const args = ['explain', name, '--kubeconfig', file, '--cache-dir', path.join(directory, 'cache')];
      const { stdout, stderr } = await run('kubectl', args);
      return /^GROUP: +(\S+)/m.exec(stdout)?.[1] ?? stderr;
    };
    expect(await explained('aimservice')).toBe(aim);
    expect(await explained('modeldeployment')).toBe(airunway);
    expect(await explained('pod')).not.toContain('error');
  } finally {
    await api.close();
    await rm(directory, { recursive: true });
  }
});

it('refuses a group that there is not', () => {
  expect(() => preferring(allKinds, ['aim.example'])).toThrow(/--prefer-group aim\.example: .* there are .*aim\.eai/);
});
