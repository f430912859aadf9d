import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApi, type TestApi } from './harness.ts';

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;

describe.skipIf(!hasKubectl && process.env['CI'] !== 'true')('kubectl with kinds of its own and of users', () => {
  let api: TestApi;
  let home: string;

  beforeAll(async () => {
    api = await startTestApi();
    home = await mkdtemp(join(tmpdir(), 'headgate-crd-'));
    await writeFile(join(home, 'kubeconfig'), api.server.kubeconfig(), { mode: 0o600 });
  });
  afterAll(async () => {
    await api.close();
    await rm(home, { recursive: true, force: true });
  });

  async function kubectl(command: string, input = ''): Promise<string> {
    const environment = { ...process.env, HOME: home, KUBECONFIG: join(home, 'kubeconfig') };
    return new Promise((resolve, reject) => {
      const child = execFile('kubectl', command.split(' '), { env: environment }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout + stderr);
        else reject(new Error(`kubectl ${command}: ${stderr}`));
      });
      child.stdin?.end(input);
    });
  }

  test('explain describes the fields of every version, ours and those of Kubernetes', async () => {
    const rules = await kubectl('explain aigatewayroute.spec.rules');
    expect(rules).toContain('What is done with which requests.');
    expect(rules).toMatch(
      /backendRefs\t<\[\]Object>\n\s+Where the requests go: AIServiceBackends, or one InferencePool/,
    );
    const old = await kubectl('explain aigatewayroute --api-version=aigateway.envoyproxy.io/v1alpha1');
    expect(old).toMatch(/VERSION:\s+v1alpha1[\s\S]*Says which model names go to which AI backends/);
    const pod = await kubectl('explain pod.spec');
    expect(pod).toMatch(
      /FIELD: spec <PodSpec>[\s\S]*PodSpec is a description of a pod[\s\S]*restartPolicy\t<string>\n.*enum/,
    );
    expect(await kubectl('explain deployment --recursive')).toMatch(
      /containers\t<\[\]Container> -required-[\s\S]*imagePullPolicy/,
    );
  });

  test('OpenAPI v2 in protobuf explains as well', async () => {
    const rules = await kubectl('explain httproute.spec.rules --output=plaintext-openapiv2');
    expect(rules).toMatch(/backendRefs\t<\[\]Object>\s+Where the requests go, shared out by weight/);
    expect(await kubectl('explain pod.spec.containers --output=plaintext-openapiv2')).toMatch(/image\t<string>/);
  });

  test('a kind that is applied can be waited for, used, listed wide, explained and deleted', async () => {
    await kubectl('apply -f -', definition);
    await kubectl('wait --for=condition=Established crd/boats.fleet.test --timeout=10s');
    await kubectl('apply -f -', 'apiVersion: fleet.test/v1\nkind: Boat\nmetadata: {name: b}\nspec: {sails: 2}\n');
    expect(await kubectl('get boats -A -o wide')).toMatch(
      /NAMESPACE\s+NAME\s+SAILS\s+COLOR\s+AGE\ndefault\s+b\s+2\s+white\s/,
    );
    expect(await kubectl('get bt')).not.toContain('COLOR');
    expect(await kubectl('get all')).toContain('boat.fleet.test/b');
    await kubectl('scale boat/b --replicas=5');
    expect(await kubectl('get boat b -o jsonpath={.spec}')).toBe('{"color":"white","sails":5}');
    expect(await kubectl('explain boat.spec')).toContain('How many sails it has.');
    const refused = kubectl('patch boat b --type=merge -p {"spec":{"sails":1}}');
    await expect(refused).rejects.toThrow('spec.sails: Invalid value: "object": 1 is less than 5');
    expect(await kubectl('get boats.v1alpha1.fleet.test')).toContain('Warning: fleet.test/v1alpha1 Boat is deprecated');
    await kubectl('delete crd boats.fleet.test --timeout=10s');
    await expect(kubectl('get boats')).rejects.toThrow('the server could not find the requested resource');
  });

  test('get lists definitions, ours among them, and pools of both groups', async () => {
    expect(await kubectl('get crds')).toMatch(/httproutes\.gateway\.networking\.k8s\.io\s+\d{4}-\d\d-\d\dT/);
    expect(await kubectl('get infpool')).toContain('No resources found');
    expect(await kubectl('get xinfpool')).toContain('InferencePool is deprecated; use inference.networking.k8s.io/v1');
  });
});

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.fleet.test}
spec:
  group: fleet.test
  scope: Namespaced
  names: {kind: Boat, plural: boats, shortNames: [bt], categories: [all]}
  versions:
    - &v1
      name: v1
      served: true
      storage: true
      subresources:
        status: {}
        scale: {specReplicasPath: .spec.sails, statusReplicasPath: .status.sails}
      additionalPrinterColumns:
        - {name: Sails, type: integer, jsonPath: .spec.sails}
        - {name: Color, type: string, jsonPath: .spec.color, priority: 1}
        - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                color: {type: string, default: white}
                sails: {type: integer, description: How many sails it has.}
              x-kubernetes-validations:
                - rule: self.sails >= oldSelf.sails
                  messageExpression: string(self.sails) + ' is less than ' + string(oldSelf.sails)
                  fieldPath: .sails
            status: {type: object, properties: {sails: {type: integer}}}
    - {<<: *v1, name: v1alpha1, storage: false, deprecated: true}
`;
