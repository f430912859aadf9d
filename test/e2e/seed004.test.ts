import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chat, startHeadgate, until, type Headgate } from './headgate.ts';
import { hasKubectl, run, skipMessage, type Outcome } from './kubectl.ts';
import { findPython, pythonSkipMessage } from './pythonopenai.ts';
import { seedBlocks } from './seed.ts';

const blocks = seedBlocks('004-kubeairunway-gateway.txt');

/** What the tests do with each block of the guide, in its order. */
const uses = [
  'diagram',
  'excepted: fetches the Gateway API from the internet, which the embedded API has built in',
  'excepted: fetches the Inference Extension from the internet, which the embedded API has built in',
  'gateway',
  'gateway label',
  'model',
  'gateway status',
  'gateway flags',
  'picker flags',
  'label alone',
  'per deployment',
  'endpoint',
  'curl',
  'python',
  'two models',
  'api resources',
  'controller log',
  'condition',
  'address',
  'route',
  'pool and pods',
  'excepted: sets a variable of istiod, which is not what serves the Gateway here',
] as const;

const block = (use: (typeof uses)[number]): string => {
  const text = blocks[uses.indexOf(use)]?.text;
  if (text === undefined) throw new Error(`the guide has no block for: ${use}`);
  return text;
};

const qwen = 'Qwen/Qwen3-0.6B';
const llama = 'meta-llama/Llama-3.1-8B-Instruct';
const llamaManifest = block('model').replace('name: qwen3', 'name: llama').replace(qwen, llama);
const deploymentNamed = (name: string): string => block('model').replace('name: qwen3', `name: ${name}`);
const gatewayNamed = (name: string): string => block('gateway').replace('name: inference-gateway', `name: ${name}`);
const python = findPython();

interface Conditions {
  conditions: { type: string; status: string; reason: string; message: string }[];
}
interface Deployment {
  metadata: { uid: string };
  status: Conditions & { phase: string; gateway?: { endpoint?: string; modelName: string; ready: boolean } };
}
interface Route {
  spec: { parentRefs: { name: string; namespace: string }[] };
  status: { parents: Conditions[] };
}
interface Pool {
  spec: { endpointPickerRef: { name: string; port: { number: number } } };
}

/** What the tests do with one running Headgate. */
function helpers(headgate: () => Headgate) {
  const bash = (script: string): Promise<Outcome> =>
    run('bash', ['-c', `set -e -o pipefail\n${script}`], { env: { KUBECONFIG: headgate().kubeconfig } });
  const output = async (script: string): Promise<string> => {
    const { code, stdout, stderr } = await bash(script);
    expect(code, `${script}\n${stdout}${stderr}`).toBe(0);
    return stdout;
  };
  const get = async <T>(kind: string, name: string): Promise<T> =>
    JSON.parse(await headgate().kubectl(['get', kind, name, '-o', 'json'])) as T;
  return {
    output,
    get,
    apply: (yaml: string) => headgate().kubectl(['apply', '-f', '-'], yaml),
    patch: (object: string, yaml: string) => headgate().kubectl(['patch', object, '--type=merge', '--patch', yaml]),
    running: async (name: string): Promise<void> => {
      let status: Deployment['status'] | undefined;
      await until(
        async () => {
          ({ status } = await get<Partial<Deployment>>('modeldeployment', name));
          return status?.phase === 'Running';
        },
        () => `${name} does not run: ${JSON.stringify(status)}`,
        120_000,
      );
    },
    ready: (name: string) =>
      headgate().kubectl(['wait', '--for=condition=GatewayReady', '--timeout=50s', `modeldeployment/${name}`]),
    /** The condition GatewayReady by the guide's own command, once it has this reason. */
    gatewayReady: async (name: string, reason: string): Promise<Conditions['conditions'][number]> => {
      const command = block('condition').replace('<name>', name);
      let seen = '';
      await until(
        async () => {
          seen = (await bash(command)).stdout;
          return seen !== '' && (JSON.parse(seen) as Conditions['conditions'][number]).reason === reason;
        },
        () => `GatewayReady of ${name} does not get the reason ${reason}: ${seen}`,
        60_000,
      );
      return JSON.parse(seen) as Conditions['conditions'][number];
    },
  };
}

/** The guide's commands, with the port in its URLs where port 80 is refused on this machine. */
function withPort(command: string, url: string): string {
  const { port } = new URL(url);
  return command.replaceAll('http://${GATEWAY_IP}/', port === '' ? '$&' : `http://\${GATEWAY_IP}:${port}/`);
}

it('has a use or a reason not to for every block of the guide', () => {
  expect(uses).toHaveLength(blocks.length);
  for (const [i, use] of uses.entries()) {
    if (use.startsWith('excepted')) expect(blocks[i]?.text).toMatch(/https:\/\/github\.com|istiod/);
  }
});

describe.skipIf(!hasKubectl)(`the gateway guide, word for word (${hasKubectl ? 'with kubectl' : skipMessage})`, () => {
  let headgate: Headgate;
  let url = '';
  const { output, get, apply, patch, running, ready } = helpers(() => headgate);

  beforeAll(async () => {
    headgate = await startHeadgate();
    await apply(block('gateway'));
    await apply(block('model'));
    await apply(llamaManifest);
    for (const name of ['qwen3', 'llama']) await running(name);
    for (const name of ['qwen3', 'llama']) await ready(name);
    url = await headgate.gatewayUrl('inference-gateway');
  }, 300_000);

  afterAll(async () => {
    expect(await headgate.stop()).toBe(0);
  });

  it('says in the status where the model is called, and by which name', async () => {
    const address = new URL(url).hostname;
    expect(JSON.parse(await output(block('gateway status')))).toMatchObject({ endpoint: address, modelName: qwen });
    const script = block('endpoint');
    expect(script.match(/^kubectl/gm)).toHaveLength(2);
    expect(await output(script)).toBe(`${address}${address}`);
  });

  it('answers the curl commands, each from the pod of its model', async () => {
    const greeting = JSON.parse(await output(withPort(block('curl'), url).replace('curl ', 'curl -s '))) as Answer;
    expect(greeting).toMatchObject({ object: 'chat.completion', model: qwen });
    const address = block('curl').split('\n')[0] ?? '';
    const calls = block('two models').split(/^(?=# Call)/m);
    expect(calls).toHaveLength(2);
    for (const [i, [model, name]] of [
      [qwen, 'qwen3'],
      [llama, 'llama'],
    ].entries()) {
      const script = withPort(`${address}\n${calls[i] ?? ''}`, url).replace('curl ', 'curl -s -i ');
      const answer = await output(script);
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(answer).toMatch(new RegExp(`x-inference-pod: ${name ?? ''}-`, 'i'));
      expect(answer).toContain(`"model":"${model ?? ''}"`);
    }
  });

  it.skipIf(python === undefined)(
    `answers the Python program (${python === undefined ? pythonSkipMessage : 'with the official package'})`,
    async () => {
      const { host } = new URL(url);
      const program = path.join(headgate.dataDir, 'guide.py');
      for (const model of [qwen, llama]) {
        const text = block('python').replace(qwen, model);
        await writeFile(program, `GATEWAY_IP = ${JSON.stringify(host)}\n${text}`);
        const { code, stdout, stderr } = await run(python ?? '', [program]);
        expect(code, stderr).toBe(0);
        expect(stdout.trim()).not.toBe('');
      }
    },
  );

  it.each([qwen, llama])('gives the OpenAI SDK of npm a normal and a streamed answer from %s', async (model) => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 0 });
    const messages = [{ role: 'user' as const, content: 'Hello there, how are you today?' }];
    const answer = await client.chat.completions.create({ model, messages, max_tokens: 40 });
    expect(answer.model).toBe(model);
    expect(answer.choices[0]?.message.content).not.toBe('');
    let chunks = 0;
    const stream = await client.chat.completions.create({ model, messages, max_tokens: 40, stream: true });
    for await (const chunk of stream) chunks += chunk.choices.length;
    expect(chunks).toBeGreaterThan(1);
  });

  it('lists both models', async () => {
    const list = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(list.data.map(({ id }) => id).toSorted()).toEqual([qwen, llama].toSorted());
  });

  it('answers a model that nobody has deployed with 404', async () => {
    expect((await chat(url, 'no/such-model')).status).toBe(404);
  });

  it('makes a pool and a route of the name of each deployment, owned by it', async () => {
    for (const name of ['qwen3', 'llama']) {
      const { metadata } = await get<Deployment>('modeldeployment', name);
      for (const kind of ['inferencepool', 'httproute']) {
        const made = await get<{ metadata: { ownerReferences: unknown[] } }>(kind, name);
        expect(made.metadata.ownerReferences).toMatchObject([
          {
            apiVersion: 'kubeairunway.ai/v1alpha1',
            kind: 'ModelDeployment',
            name,
            uid: metadata.uid,
            controller: true,
          },
        ]);
      }
      const pool = await get<Pool & { spec: { selector: object } }>('inferencepool', name);
      expect(pool.spec.selector).toEqual({ matchLabels: { 'kubeairunway.ai/model-deployment': name } });
      expect(pool.spec.endpointPickerRef).toMatchObject({ name: 'kubeairunway-epp', port: { number: 9002 } });
    }
  });

  it('shows with the commands for troubleshooting that all is well', async () => {
    const resources = await output(block('api resources'));
    for (const plural of ['inferencepools', 'httproutes', 'gateways']) expect(resources).toContain(plural);
    expect(await output(block('controller log'))).toMatch(/gateway integration enabled/);
    expect(JSON.parse(await output(block('address')))).toMatchObject([{ value: new URL(url).hostname }]);
    expect(await output(block('route').replace('<deployment-name>', 'qwen3'))).toMatch(/type: Accepted/);
    const route = await get<Route>('httproute', 'qwen3');
    const accepted = route.status.parents[0]?.conditions.find(({ type }) => type === 'Accepted');
    expect(accepted?.status).toBe('True');
    const poolAndPods = await output(block('pool and pods').replaceAll('<deployment-name>', 'qwen3'));
    expect(poolAndPods).toMatch(/kind: InferencePool/);
    expect(poolAndPods).toMatch(/^qwen3-\S+ +1\/1 +Running/m);
    expect(poolAndPods).not.toMatch(/^llama-/m);
  });

  it('restarts the controller when told to, which keeps serving', async () => {
    const controller = ['-n', 'kubeairunway-system', 'deploy/kubeairunway-controller'];
    await headgate.kubectl(['rollout', 'restart', ...controller]);
    await headgate.kubectl(['rollout', 'status', '--timeout=50s', ...controller]);
    expect((await chat(url, qwen)).status).toBe(200);
  });

  it('takes a deployment off the Gateway and back under a name of its own', async () => {
    const perDeployment = block('per deployment');
    await apply(deploymentNamed('own').replace(qwen, 'example/own-model'));
    await running('own');
    await ready('own');
    expect((await chat(url, 'example/own-model')).status).toBe(200);

    await patch('modeldeployment/own', perDeployment);
    await headgate.kubectl(['wait', '--for=delete', '--timeout=50s', 'inferencepool/own', 'httproute/own']);
    await headgate.kubectl(['wait', '--for=condition=GatewayReady=false', '--timeout=50s', 'modeldeployment/own']);
    expect((await get<Deployment>('modeldeployment', 'own')).status.gateway).toBeUndefined();
    await until(
      async () => (await chat(url, 'example/own-model')).status === 404,
      () => 'the model is still served',
    );

    await patch('modeldeployment/own', perDeployment.replace('enabled: false', 'enabled: true'));
    await ready('own');
    expect((await get<Deployment>('modeldeployment', 'own')).status.gateway?.modelName).toBe('my-custom-model-name');
    await until(
      async () => (await chat(url, 'my-custom-model-name')).status === 200,
      () => 'the model is not served by its own name',
      60_000,
    );
    expect((await chat(url, qwen)).status).toBe(200);
    await headgate.kubectl(['delete', 'modeldeployment', 'own', '--timeout=50s']);
  });
});

describe.skipIf(!hasKubectl)('what the guide says of trouble', () => {
  let headgate: Headgate;
  const { get, apply, patch, running, ready, gatewayReady } = helpers(() => headgate);

  beforeAll(async () => {
    headgate = await startHeadgate();
    await apply(block('model'));
    await running('qwen3');
  }, 240_000);

  afterAll(async () => {
    expect(await headgate.stop()).toBe(0);
  });

  it('names the reason: no Gateway, then several, until one has the label', async () => {
    const none = await gatewayReady('qwen3', 'NoGateway');
    expect(none).toMatchObject({ status: 'False', message: 'no Gateway resources found in cluster' });
    expect(await headgate.kubectl(['get', 'inferencepool,httproute', '-o', 'name'])).toBe('');

    await apply(gatewayNamed('one'));
    await ready('qwen3');
    expect((await get<Route>('httproute', 'qwen3')).spec.parentRefs).toMatchObject([{ name: 'one' }]);

    await apply(gatewayNamed('two'));
    const several = await gatewayReady('qwen3', 'NoGateway');
    expect(several.message).toBe(
      'multiple Gateways found but none labeled with kubeairunway.ai/inference-gateway=true',
    );

    await patch('gateway/two', block('gateway label'));
    await ready('qwen3');
    await headgate.kubectl([
      'wait',
      '--for=jsonpath={.spec.parentRefs[0].name}=two',
      '--timeout=50s',
      'httproute/qwen3',
    ]);

    // The same label as it stands alone in the guide.
    await headgate.kubectl(['label', 'gateway/two', 'kubeairunway.ai/inference-gateway-']);
    await gatewayReady('qwen3', 'NoGateway');
    await patch('gateway/one', `metadata:\n  labels:\n    ${block('label alone')}`);
    await headgate.kubectl([
      'wait',
      '--for=jsonpath={.spec.parentRefs[0].name}=one',
      '--timeout=50s',
      'httproute/qwen3',
    ]);
    const url = await headgate.gatewayUrl('one');
    await until(
      async () => (await chat(url, qwen)).status === 200,
      () => 'the model is not served at the Gateway with the label',
      60_000,
    );
  });

  it.each([
    ['inferencepool', 'InferencePoolFailed', 'InferencePool'],
    ['httproute', 'HTTPRouteFailed', 'HTTPRoute'],
  ])('names the reason when the %s of its name is somebody else’s', async (kind, reason, shown) => {
    const name = `taken-${kind}`;
    await apply('apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: somebody\n');
    const owner = await get<Deployment>('configmap', 'somebody');
    const ownerReferences = [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'somebody', uid: owner.metadata.uid, controller: true },
    ];
    const [apiVersion, spec] =
      kind === 'httproute'
        ? ['gateway.networking.k8s.io/v1', { rules: [{ backendRefs: [{ name: 'theirs', port: 80 }] }] }]
        : [
            'inference.networking.k8s.io/v1',
            {
              selector: { matchLabels: { app: 'theirs' } },
              targetPorts: [{ number: 1234 }],
              endpointPickerRef: { name: 'theirs', port: { number: 1 } },
            },
          ];
    await apply(JSON.stringify({ apiVersion, kind: shown, metadata: { name, ownerReferences }, spec }));
    const before = await get<{ spec: unknown }>(kind, name);
    await apply(deploymentNamed(name).replace(qwen, `example/${name}`));
    const { status, message } = await gatewayReady(name, reason);
    expect(status).toBe('False');
    expect(message).toContain(`${shown} ${name} is controlled by ConfigMap somebody`);
    await headgate.kubectl(['delete', 'modeldeployment', name, '--timeout=50s']);
    expect((await get<{ spec: unknown }>(kind, name)).spec).toEqual(before.spec);
  });
});

describe.skipIf(!hasKubectl)('the flags of the guide', () => {
  const flagsOf = (text: string): string[] =>
    text
      .split('\n')
      .map((line) => line.replace(/\s*#.*$/, ''))
      .filter((line) => line !== '');

  it('take the Gateway they name, and the picker they name', async () => {
    const flags = [...flagsOf(block('gateway flags')), ...flagsOf(block('picker flags'))];
    expect(flags).toHaveLength(4);
    const other = ['--epp-service-name=my-epp', '--epp-service-port=9100'];
    const headgate = await startHeadgate([...flags, ...other]);
    const { get, apply, patch, running, ready } = helpers(() => headgate);
    try {
      await apply(gatewayNamed('another'));
      await patch('gateway/another', block('gateway label'));
      await apply(block('gateway'));
      await apply(block('model'));
      await running('qwen3');
      await ready('qwen3');
      const route = await get<Route>('httproute', 'qwen3');
      expect(route.spec.parentRefs).toMatchObject([{ name: 'inference-gateway', namespace: 'default' }]);
      const { spec } = await get<Pool>('inferencepool', 'qwen3');
      expect(spec.endpointPickerRef).toMatchObject({ name: 'my-epp', port: { number: 9100 } });
      const url = await headgate.gatewayUrl('inference-gateway');
      await until(
        async () => (await chat(url, qwen)).status === 200,
        () => 'the model is not served',
        60_000,
      );
    } finally {
      expect(await headgate.stop()).toBe(0);
    }
  });

  it('go together', async () => {
    const [first = ''] = flagsOf(block('gateway flags'));
    await expect(startHeadgate([first])).rejects.toThrow(/--gateway-name and --gateway-namespace go together/);
  });
});

interface Answer {
  object: string;
  model: string;
}
