import type { Expected, Step } from '../behaviour.ts';

/** The words in which the tables of behaviours are written. */

type Extra = Omit<Step, 'path' | 'method' | 'body'>;

export const get = (path: string, extra: Extra = {}): Step => ({ path, ...extra });
export const post = (path: string, body: unknown, extra: Extra = {}): Step => ({
  method: 'POST',
  path,
  body,
  status: 201,
  ...extra,
});
export const put = (path: string, body: unknown, extra: Extra = {}): Step => ({ method: 'PUT', path, body, ...extra });
export const remove = (path: string, body?: unknown, extra: Extra = {}): Step => ({
  method: 'DELETE',
  path,
  ...(body === undefined ? {} : { body }),
  ...extra,
});
export const merge = (path: string, body: unknown, extra: Extra = {}): Step => ({
  method: 'PATCH',
  path,
  body,
  type: 'application/merge-patch+json',
  ...extra,
});
export const strategic = (path: string, body: unknown, extra: Extra = {}): Step => ({
  ...merge(path, body, extra),
  type: 'application/strategic-merge-patch+json',
});
export const jsonPatch = (path: string, body: unknown, extra: Extra = {}): Step => ({
  ...merge(path, body, extra),
  type: 'application/json-patch+json',
});
/** Server-side apply; `path` may carry `&force=true`. */
export const apply = (path: string, manager: string, body: unknown, extra: Extra = {}): Step => ({
  ...merge(`${path}?fieldManager=${manager}`, body, extra),
  type: 'application/apply-patch+yaml',
});
export const forceApply = (path: string, manager: string, body: unknown, extra: Extra = {}): Step =>
  apply(path, `${manager}&force=true`, body, extra);

/** The answer to a request that is refused. */
export const refused = (
  status: number,
  reason: string,
  message: string | RegExp,
  more: Record<string, Expected> = {},
) =>
  ({
    status,
    expect: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code: status, message, ...more },
  }) as const;

export const namespace = '/api/v1/namespaces/{ns}';
export const configMaps = `${namespace}/configmaps`;
export const pods = `${namespace}/pods`;
export const services = `${namespace}/services`;
export const secrets = `${namespace}/secrets`;
export const deployments = '/apis/apps/v1/namespaces/{ns}/deployments';

export const typed = (apiVersion: string, kind: string, fields: Record<string, unknown>) => ({
  apiVersion,
  kind,
  ...fields,
});

export const configMap = (name: string, data: Record<string, string> = {}, metadata: Record<string, unknown> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});

export const pod = (name: string, spec: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { containers: [{ name: 'main', image: 'example.com/image:1' }], ...spec },
});

export const service = (name: string, spec: Record<string, unknown> = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec },
});

export const deployment = (name: string, spec: Record<string, unknown> = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'example.com/image:1' }] },
    },
    ...spec,
  },
});
