import type { KindVersion } from '../../kinds/kind.ts';
import { noSuchPath } from '../status.ts';
import { respondJson, type ApiRequest } from '../request.ts';
import { subresourcesOf as ownSubresources } from '../subresources.ts';
import { compareVersions } from '../versions.ts';
import { verbsOf, type Resources, type Served } from '../resources.ts';

/** What the server serves: `/api`, `/apis` and below, in the legacy and in the aggregated form. */

export const versionInfo = {
  major: '1',
  minor: '32',
  gitVersion: 'v1.32.0+headgate',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: `${process.platform}/${process.arch}`,
};

/** Answers a discovery path; false when it is none. */
export function respondDiscovery(resources: Resources, request: ApiRequest): boolean {
  const [root, group, version, ...rest] = request.path.split('/').filter((part) => part !== '');
  if (rest.length > 0) return false;
  if (root === 'api' && version === undefined) {
    if (group === undefined) respondRoot(resources, request, true);
    else respondResources(request, group, servedIn(resources, group));
    return true;
  }
  if (root !== 'apis') return false;
  if (group === undefined) respondRoot(resources, request, false);
  else if (version === undefined) respondGroup(resources, request, group);
  else respondResources(request, `${group}/${version}`, servedIn(resources, `${group}/${version}`));
  return true;
}

function servedIn(resources: Resources, apiVersion: string): Served[] {
  return resources.all.filter((served) => served.apiVersion === apiVersion);
}

const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

function respondRoot(resources: Resources, request: ApiRequest, core: boolean): void {
  const groups = groupsOf(resources).filter(({ name }) => (name === '') === core);
  const accept = (request.raw.headers.accept ?? '').replaceAll(' ', '');
  if (/g=apidiscovery\.k8s\.io;v=v2;|v=v2;g=apidiscovery\.k8s\.io/.test(accept)) {
    const body = {
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      metadata: {},
      items: groups.map(aggregatedGroup),
    };
    const text = JSON.stringify(body);
    request.response.writeHead(200, { 'content-type': aggregatedType, 'content-length': Buffer.byteLength(text) });
    request.response.end(text);
    return;
  }
  if (core) respondJson(request, 200, { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] });
  else respondJson(request, 200, { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(legacyGroup) });
}

interface Group {
  name: string;
  /** In order of preference. */
  versions: { name: string; apiVersion: string; served: Served[] }[];
}

function groupsOf(resources: Resources): Group[] {
  const groups = new Map<string, Group>();
  for (const served of resources.all) {
    const { group } = served.kind;
    const target = groups.get(group) ?? { name: group, versions: [] };
    groups.set(group, target);
    const version = target.versions.find(({ apiVersion }) => apiVersion === served.apiVersion);
    if (version === undefined)
      target.versions.push({ name: served.version.name, apiVersion: served.apiVersion, served: [served] });
    else version.served.push(served);
  }
  for (const group of groups.values()) group.versions.sort((a, b) => compareVersions(a.name, b.name));
  return [...groups.values()];
}

function legacyGroup({ name, versions }: Group) {
  const list = versions.map((version) => ({ groupVersion: version.apiVersion, version: version.name }));
  return { name, versions: list, preferredVersion: list[0] };
}

function respondGroup(resources: Resources, request: ApiRequest, name: string): void {
  const group = groupsOf(resources).find((one) => one.name === name && name !== '');
  if (group === undefined) throw noSuchPath();
  respondJson(request, 200, { kind: 'APIGroup', apiVersion: 'v1', ...legacyGroup(group) });
}

const subresourceVerbs = ['get', 'patch', 'update'];

function respondResources(request: ApiRequest, groupVersion: string, served: readonly Served[]): void {
  if (served.length === 0) throw noSuchPath();
  const list = served.flatMap(({ kind }) => [
    {
      name: kind.plural,
      singularName: kind.singular,
      namespaced: kind.namespaced,
      kind: kind.kind,
      verbs: verbsOf(kind),
      ...(kind.shortNames.length > 0 && { shortNames: kind.shortNames }),
      ...(kind.categories.length > 0 && { categories: kind.categories }),
    },
    ...subresourcesOf(kind).map(({ name, response, verbs }) => ({
      name: `${kind.plural}/${name}`,
      singularName: '',
      namespaced: kind.namespaced,
      ...(response.group !== kind.group && { group: response.group, version: response.version }),
      kind: response.kind,
      verbs,
    })),
  ]);
  respondJson(request, 200, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: list });
}

function subresourcesOf(kind: Served['kind']) {
  const own = { group: kind.group, version: kind.storageVersion, kind: kind.kind };
  return [
    ...(kind.status ? [{ name: 'status', response: own, verbs: subresourceVerbs }] : []),
    ...(kind.scale === undefined
      ? []
      : [{ name: 'scale', response: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: subresourceVerbs }]),
    ...ownSubresources(kind).map(({ name, response, verbs }) => ({ name, response: response ?? own, verbs })),
  ];
}

function aggregatedGroup({ name, versions }: Group) {
  return {
    metadata: { name, creationTimestamp: null },
    versions: versions.map((version) => ({
      version: version.name,
      freshness: 'Current',
      resources: version.served.map(({ kind, version: kindVersion }) => aggregatedResource(kind, kindVersion)),
    })),
  };
}

function aggregatedResource(kind: Served['kind'], version: KindVersion) {
  const scope = kind.namespaced ? 'Namespaced' : 'Cluster';
  return {
    resource: kind.plural,
    responseKind: { group: kind.group, version: version.name, kind: kind.kind },
    scope,
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    ...(kind.shortNames.length > 0 && { shortNames: kind.shortNames }),
    ...(kind.categories.length > 0 && { categories: kind.categories }),
    subresources: subresourcesOf(kind).map(({ name, response, verbs }) => ({
      subresource: name,
      responseKind: response,
      verbs,
    })),
  };
}
