import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { AIMService } from '../../src/kinds/aim/aimservice.ts';
import type { HTTPRoute } from '../../src/kinds/gateway/httproute.ts';
import { complete, isDocument, isFragment, seedBlocks, seedTable, type Block, type Document } from './aimseed.ts';
import { startHeadgate, until, type Headgate } from './headgate.ts';
import { hasKubectl, skipMessage } from './kubectl.ts';

const file = '000-aim-routing-and-ingress.txt';
const blocks = seedBlocks(file);
const under = (heading: string): Block => {
  const found = blocks.find((block) => block.heading === heading);
  if (found === undefined) throw new Error(`the guide has no block below "${heading}"`);
  return found;
};
const perService = under('Per-Service Routing');
const clusterDefaults = under('Cluster-Wide Routing Defaults');

const namespace = 'ml-team';
/** Both generations are served: the plain name is the older one's. */
const aimservice = 'aimservices.aim.eai.amd.com';

/** What the guide takes for granted: the namespace and a Gateway that routes of all namespaces may join. */
const given = `
apiVersion: v1
kind: Namespace
metadata: { name: ${namespace} }
---
apiVersion: v1
kind: Namespace
metadata: { name: kgateway-system }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: inference-gateway, namespace: kgateway-system }
spec:
  gatewayClassName: kgateway
  listeners: [{ name: http, protocol: HTTP, port: 80, allowedRoutes: { namespaces: { from: All } } }]
`;

describe.skipIf(!hasKubectl)(
  `the AIM routing guide, word for word (${hasKubectl ? 'with kubectl' : skipMessage})`,
  () => {
    let headgate: Headgate;
    let url = '';

    beforeAll(async () => {
      headgate = await startHeadgate();
      await headgate.kubectl(['apply', '-f', '-'], given);
      url = await headgate.gatewayUrl('inference-gateway', 'kgateway-system');
      await headgate.kubectl(['apply', '-f', '-'], perService.text);
      await reach('qwen-chat', 'Running');
    }, 300_000);

    afterAll(async () => {
      expect(await headgate.stop()).toBe(0);
    });

    const get = async <T>(...args: string[]): Promise<T> =>
      JSON.parse(await headgate.kubectl(['get', '-n', namespace, ...args, '-o', 'json'])) as T;
    const service = (name: string): Promise<AIMService> => get<AIMService>(aimservice, name);
    const routeOf = async (name: string): Promise<HTTPRoute | undefined> => {
      const selector = `aim.eai.amd.com/service=${name}`;
      return (await get<{ items: HTTPRoute[] }>('httproutes', '-l', selector)).items[0];
    };
    const reach = async (name: string, state: string): Promise<void> => {
      const args = ['wait', '-n', namespace, `--for=jsonpath={.status.status}=${state}`, '--timeout=240s'];
      const { code, stderr } = await headgate.tryKubectl([...args, `${aimservice}/${name}`], '', 250_000);
      if (code !== 0) throw new Error(`${stderr}\n${JSON.stringify((await service(name)).status, undefined, 1)}`);
    };
    const patch = (name: string, body: unknown): Promise<string> =>
      headgate.kubectl(['patch', '-n', namespace, aimservice, name, '--type=merge', '-p', JSON.stringify(body)]);
    /** Waits until the route leads to the service at the path; a route that was changed takes a moment. */
    const answersAt = async (path: string, model = 'Qwen/Qwen3-32B'): Promise<void> => {
      let last = '';
      await until(
        async () => {
          const response = await fetch(`${url}${path}/v1/chat/completions`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi. Say this is a test' }] }),
          });
          last = `${String(response.status)} ${await response.text()}`;
          return response.status === 200 && /simulated/i.test(last);
        },
        () => `${path} does not answer: ${last}`,
        60_000,
      );
    };
    const pathIs = (name: string, path: string): Promise<void> =>
      until(
        async () => (await service(name)).status?.routing?.path === path,
        () => `the path of ${name} is not ${path}`,
        60_000,
      );

    it('has no block that this test leaves out', () => {
      expect(blocks.filter(isDocument)).toEqual([perService, clusterDefaults]);
      expect(blocks.filter(isFragment).map(({ heading }) => heading)).toEqual(['Request Timeout', 'Annotations']);
      expect(blocks).toHaveLength(4);
    });

    it('creates an HTTPRoute matching /ml-team/qwen-chat that leads to the predictor, which answers', async () => {
      await answersAt('/ml-team/qwen-chat');
      const models = await fetch(`${url}/ml-team/qwen-chat/v1/models`);
      expect(await models.json()).toMatchObject({ data: [{ id: 'Qwen/Qwen3-32B' }] });
      expect((await service('qwen-chat')).status?.routing?.path).toBe('/ml-team/qwen-chat');
      expect((await fetch(`${url}/v1/models`)).status).toBe(404);
    });

    it('works as the guide says: parent, path match, backend and rewrite', async () => {
      const route = await routeOf('qwen-chat');
      const { items } = await get<{ items: { metadata: { name: string } }[] }>('inferenceservices');
      const [serving] = items;
      expect(route?.spec.parentRefs).toMatchObject([{ name: 'inference-gateway', namespace: 'kgateway-system' }]);
      expect(route?.spec.rules).toMatchObject([
        {
          matches: [{ path: { type: 'PathPrefix', value: '/ml-team/qwen-chat' } }],
          filters: [
            { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } } },
          ],
          backendRefs: [{ name: `${serving?.metadata.name ?? ''}-predictor`, port: 80 }],
        },
      ]);
    });

    it.each(seedTable(file, '## Path Templates'))('renders the path template %s as %s', async (template, path) => {
      await patch('qwen-chat', {
        metadata: { labels: { team: 'nlp' } },
        spec: { routing: { pathTemplate: template } },
      });
      await pathIs('qwen-chat', path ?? '');
      await answersAt(path ?? '');
    });

    it('takes /{namespace}/{uid} where there is no template, and no path of more than 200 characters', async () => {
      await patch('qwen-chat', { spec: { routing: { pathTemplate: null } } });
      const { uid = '' } = (await service('qwen-chat')).metadata;
      await pathIs('qwen-chat', `/${namespace}/${uid}`);
      await answersAt(`/${namespace}/${uid}`);

      const long = '/long-segment'.repeat(20);
      await patch('qwen-chat', { spec: { routing: { pathTemplate: long } } });
      await reach('qwen-chat', 'Degraded');
      const { status } = await service('qwen-chat');
      const condition = status?.conditions?.find(({ type }) => type === 'HTTPRouteReady');
      expect(condition).toMatchObject({ status: 'False', reason: 'PathTemplateInvalid' });
      expect(condition?.message).toContain('200');
      // What was there before goes on answering.
      await answersAt(`/${namespace}/${uid}`);
    });

    it('is Degraded while a label of the template is missing, and recovers when it is there', async () => {
      const pathTemplate = "/{.metadata.labels['project']}/chat";
      await patch('qwen-chat', { spec: { routing: { pathTemplate } } });
      await until(
        async () => {
          const { status } = await service('qwen-chat');
          const condition = status?.conditions?.find(({ type }) => type === 'HTTPRouteReady');
          return status?.status === 'Degraded' && condition?.message.includes('project') === true;
        },
        () => 'nobody said that the label is missing',
        60_000,
      );
      await patch('qwen-chat', { metadata: { labels: { project: 'Apollo' } } });
      await reach('qwen-chat', 'Running');
      await answersAt('/apollo/chat');
      await headgate.kubectl(['apply', '-f', '-'], perService.text);
      await pathIs('qwen-chat', '/ml-team/qwen-chat');
    });

    it('sets the request timeout of the route', async () => {
      const fragment = under('Request Timeout');
      await headgate.kubectl(['apply', '-f', '-'], complete(perService, fragment, 'qwen-chat'));
      const { spec } = parse(fragment.text) as { spec: { routing: { requestTimeout: string } } };
      expect(spec.routing.requestTimeout).toBe('120s');
      await until(
        async () => (await routeOf('qwen-chat'))?.spec.rules?.[0]?.timeouts?.request === '2m0s',
        () => 'the route has no timeout of 120 seconds',
        60_000,
      );
    });

    describe('with cluster-wide defaults', () => {
      const plain = (name: string): string => {
        const whole = parse(perService.text) as Document;
        const { routing: _inherited, ...spec } = whole.spec;
        return stringify({ ...whole, metadata: { ...whole.metadata, name }, spec });
      };

      beforeAll(async () => {
        await headgate.kubectl(['apply', '-f', '-'], clusterDefaults.text);
        await headgate.kubectl(['apply', '-f', '-'], plain('inherits'));
        await reach('inherits', 'Running');
      }, 300_000);

      it('services inherit the routing', async () => {
        await pathIs('inherits', '/ml-team/inherits');
        await answersAt('/ml-team/inherits');
        expect((await service('inherits')).status?.resolvedRuntimeConfig).toMatchObject({
          name: 'default',
          scope: 'Cluster',
        });
      });

      it('annotations of the configuration and of the service are merged, the service before the configuration', async () => {
        const annotations = { 'example.com/rate-limit': '10', 'example.com/owner': 'platform' };
        const body = JSON.stringify({ spec: { routing: { annotations } } });
        const config = 'aimclusterruntimeconfigs.aim.eai.amd.com';
        await headgate.kubectl(['patch', config, 'default', '--type=merge', '-p', body]);
        await headgate.kubectl(['apply', '-f', '-'], complete(perService, under('Annotations'), 'qwen-chat'));
        const annotated = async (name: string, rate: string): Promise<boolean> => {
          const found = (await routeOf(name))?.metadata.annotations ?? {};
          return found['example.com/rate-limit'] === rate && found['example.com/owner'] === 'platform';
        };
        await until(
          async () => (await annotated('qwen-chat', '100')) && (await annotated('inherits', '10')),
          () => 'the annotations are not merged',
          60_000,
        );
      });

      it('the namespace goes before the cluster, and the service before both', async () => {
        const config = parse(clusterDefaults.text) as Document;
        const own = { ...config, kind: 'AIMRuntimeConfig', metadata: { name: 'default', namespace } };
        const spec = { routing: { pathTemplate: '/namespace/{.metadata.name}' } };
        await headgate.kubectl(['apply', '-f', '-'], stringify({ ...own, spec }));
        await pathIs('inherits', '/namespace/inherits');
        await answersAt('/namespace/inherits');
        await pathIs('qwen-chat', '/ml-team/qwen-chat');
        await patch('inherits', { spec: { routing: { pathTemplate: '/own/{.metadata.name}' } } });
        await pathIs('inherits', '/own/inherits');
        await answersAt('/own/inherits');
        await patch('inherits', { spec: { routing: { enabled: false } } });
        await until(
          async () => (await routeOf('inherits')) === undefined,
          () => 'the route is still there although routing is off',
          60_000,
        );
      });
    });

    it('takes the route and the pods away with the service', async () => {
      await headgate.kubectl(['delete', '-n', namespace, aimservice, '--all', '--timeout=60s']);
      await until(
        async () => (await routeOf('qwen-chat')) === undefined,
        () => 'the route outlives its service',
        60_000,
      );
      await until(
        async () => (await fetch(`${url}/ml-team/qwen-chat/v1/models`)).status === 404,
        () => 'the path still answers',
        60_000,
      );
      await until(
        async () =>
          (await get<{ items: unknown[] }>('pods', '-l', 'serving.kserve.io/inferenceservice')).items.length === 0,
        () => 'predictor pods are still there',
        60_000,
      );
    });
  },
);
