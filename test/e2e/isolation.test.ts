import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHeadgate, until, type Headgate } from './headgate.ts';
import { hasKubectl, skipMessage } from './kubectl.ts';

/** What users can tell of a built-in program's Pod is the same whether it is a thread or has a process of its own. */

interface PodObject {
  metadata: { uid: string };
  status: {
    podIP: string;
    containerStatuses: {
      ready: boolean;
      restartCount: number;
      state: { running?: object };
      lastState: { terminated?: { exitCode: number; reason: string } };
    }[];
  };
}

function manifest(name: string, { annotation = false, args = [] as string[] } = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...(annotation && { annotations: { 'headgate.dev/isolate-pods': 'true' } }) },
    spec: {
      containers: [
        {
          name: 'server',
          image: 'ghcr.io/llm-d/llm-d-inference-sim:v0.4.0',
          args: ['--model', 'a-model', '--port', '8000', ...args],
          env: [{ name: 'GREETING', value: 'hello' }],
          readinessProbe: { httpGet: { path: '/health', port: 8000 }, periodSeconds: 1 },
          livenessProbe: { httpGet: { path: '/health', port: 8000 }, periodSeconds: 1, failureThreshold: 3 },
        },
      ],
    },
  });
}

const ways: [string, { flags: string[]; annotation: boolean; processes: number }][] = [
  ['threads of one process', { flags: [], annotation: false, processes: 1 }],
  ['processes of their own, by the flag', { flags: ['--isolate-pods'], annotation: false, processes: 2 }],
  ['processes of their own, by the annotation', { flags: [], annotation: true, processes: 2 }],
];

describe.skipIf(!hasKubectl).each(ways)(
  `built-in programs as %s (${hasKubectl ? 'with kubectl' : skipMessage})`,
  (_, way) => {
    let headgate: Headgate;
    const podOf = async (name: string): Promise<PodObject> =>
      JSON.parse(await headgate.kubectl(['get', 'pod', name, '-o', 'json'])) as PodObject;
    const ready = (name: string): Promise<string> =>
      headgate.kubectl(['wait', '--for=condition=Ready', '--timeout=60s', `pod/${name}`]);

    beforeAll(async () => {
      headgate = await startHeadgate(way.flags);
      await headgate.kubectl(['apply', '-f', '-'], manifest('one', way));
      await headgate.kubectl(['apply', '-f', '-'], manifest('two', way));
      await Promise.all([ready('one'), ready('two')]);
    });
    afterAll(async () => {
      await headgate.stop();
      await headgate.kill();
    });

    it('have as many processes as that', async () => {
      expect(await readdir(path.join(headgate.dataDir, 'processes'))).toHaveLength(way.processes);
    });

    it('answer at addresses of their own', async () => {
      const [one, two] = await Promise.all([podOf('one'), podOf('two')]);
      expect(one.status.podIP).not.toBe(two.status.podIP);
      for (const { status } of [one, two]) {
        const models = await fetch(`http://${status.podIP}:8000/v1/models`);
        expect(await models.text()).toContain('a-model');
      }
    });

    it('log, also of the run before, and tell the events of their start', async () => {
      expect(await headgate.kubectl(['logs', 'one'])).toContain('simulator listening: answers are simulated');
      expect(await headgate.kubectl(['get', 'events', '--field-selector', 'involvedObject.name=one'])).toMatch(
        /Started container server/,
      );
    });

    it('take commands beside them, with their environment', async () => {
      expect(await headgate.kubectl(['exec', 'one', '--', 'sh', '-c', 'echo $GREETING $HOSTNAME'])).toBe('hello one\n');
      expect((await headgate.tryKubectl(['exec', 'one', '--', 'sh', '-c', 'exit 4'])).code).toBe(4);
    });

    it('use what kubectl top shows', async () => {
      let shown = '';
      await until(
        async () => {
          shown = (await headgate.tryKubectl(['top', 'pod', '--no-headers'])).stdout;
          return /^one +\d+m +[1-9]\d*Mi/m.test(shown) && /^two +\d+m +[1-9]\d*Mi/m.test(shown);
        },
        () => `kubectl top shows ${shown}`,
      );
    });

    it('end with their exit code, start again, and leave the others alone', async () => {
      const before = await podOf('two');
      await headgate.kubectl(['apply', '-f', '-'], manifest('bad', { ...way, args: ['--no-such-flag'] }));
      let pod: PodObject | undefined;
      await until(
        async () => {
          pod = await podOf('bad');
          return (pod.status.containerStatuses[0]?.restartCount ?? 0) >= 1;
        },
        () => `it does not start again: ${JSON.stringify(pod?.status)}`,
      );
      expect(pod?.status.containerStatuses[0]?.lastState.terminated).toMatchObject({ exitCode: 1, reason: 'Error' });
      expect(await headgate.kubectl(['logs', 'bad', '-p'])).toContain('no-such-flag');
      await headgate.kubectl(['delete', 'pod', 'bad', '--grace-period=0', '--force']);
      expect((await podOf('two')).status).toEqual(before.status);
    });

    it('go at once when they are deleted without grace, and their address answers no more', async () => {
      const { status } = await podOf('one');
      const asked = performance.now();
      await headgate.kubectl(['delete', 'pod', 'one', '--grace-period=0', '--force']);
      expect(performance.now() - asked).toBeLessThan(15_000);
      await until(
        async () => {
          try {
            await fetch(`http://${status.podIP}:8000/health`);
            return false;
          } catch {
            return true;
          }
        },
        () => 'it still answers',
      );
      expect((await fetch(`http://${(await podOf('two')).status.podIP}:8000/health`)).status).toBe(200);
    });
  },
);
