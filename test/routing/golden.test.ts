import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { compile, type Compiled, type GatewaySockets } from '../../src/routing/compile.ts';
import type { ProgrammedGateway } from '../../src/routing/gatewaystatus.ts';
import { linkTable, resolveTarget, type LinkedTable } from '../../src/routes/index.ts';
import type { LinkedMatch } from '../../src/routes/linkedmatch.ts';
import { hostsOf, orderedMatches } from '../../src/routes/listenerindex.ts';
import type { ResolvedTarget, RouteRule } from '../../src/routes/table.ts';
import { resourcesOf } from './resourcefile.ts';

// testdata/NAME.in.yaml compiles to testdata/NAME.out.yaml. UPDATE_GOLDEN=1 rewrites what comes out; read the difference.

const folder = fileURLToPath(new URL('testdata/', import.meta.url));
const names = readdirSync(folder).flatMap((file) =>
  file.endsWith('.in.yaml') ? [file.slice(0, -'.in.yaml'.length)] : [],
);
const claimedControllers = ['headgate.dev/gateway-controller', 'gateway.envoyproxy.io/gatewayclass-controller'];

describe('compile', () => {
  it.each(names)('%s', (name) => {
    const resources = resourcesOf(readFileSync(`${folder}${name}.in.yaml`, 'utf8'));
    const options = { claimedControllers, now: new Date('2026-02-02T02:02:02Z'), generation: 1 };
    const first = compile(resources, { ...options, programmed: new Map() });
    const compiled = compile(resources, { ...options, programmed: programmedOf(first.sockets) });
    const actual = stringify(summary(compiled), { lineWidth: 140, aliasDuplicateObjects: false });
    const golden = `${folder}${name}.out.yaml`;
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, actual);
    // Parsed, so that the formatter may choose its quotes.
    expect(parse(actual)).toEqual(parse(readFileSync(golden, 'utf8')));
  });
});

/** A data plane on a system that refuses ports below 1024. */
function programmedOf(sockets: readonly GatewaySockets[]): Map<string, ProgrammedGateway> {
  return new Map(
    sockets.map(({ key, listeners }, i) => [
      key,
      {
        addresses: [`127.10.200.${i + 1}`],
        listeners: new Map(
          listeners.map(({ name, port }) => [name, { ok: true, boundPort: port < 1024 ? port + 8000 : port }]),
        ),
      },
    ]),
  );
}

function summary({ table, sockets, statuses }: Compiled) {
  const linked = linkTable(table);
  return {
    sockets,
    pools: Object.fromEntries(
      table.pools.map(({ key, endpoints }) => [key, endpoints.map((endpoint) => endpoint.key)]),
    ),
    gateways: [...linked.gateways.values()].map(({ key, bodyLimitBytes, clientCertificate, models, listeners }) => ({
      key,
      ...(clientCertificate && { clientCertificate }),
      bodyLimitBytes,
      models: {
        all: models.all,
        byHost: Object.fromEntries(models.byHost),
        unscoped: models.unscoped.map(({ id }) => id),
      },
      listeners: listeners.map(({ index, ...listener }) => {
        const hosts = hostsOf(index).map(([host, at]): [string, LinkedMatch[]] => [host, orderedMatches(at)]);
        const rules = new Set(hosts.flatMap(([, ordered]) => ordered.map(({ rule }) => rule)));
        return {
          ...listener,
          matches: Object.fromEntries(hosts.map(([host, ordered]) => [host, ordered.map(describeMatch)])),
          rules: [...rules].sort((a, b) => (a.id < b.id ? -1 : 1)).map((rule) => describeRule(linked, rule)),
        };
      }),
    })),
    statuses: statuses.map(({ kind, object, status }) => ({
      [`${kind.kind} ${object.metadata.name}`]: JSON.parse(
        JSON.stringify(status, (key, value: unknown) =>
          key === 'lastTransitionTime' || key === 'supportedFeatures' ? undefined : value,
        ),
      ) as unknown,
    })),
  };
}

function describeMatch({ path, method, headers, query, rule }: LinkedMatch) {
  const values = (list: LinkedMatch['headers']) =>
    list.map(({ name, value, type }) => `${name}${type ? '~' : '='}${value}`);
  return {
    ...(path && { path: `${path.type} ${path.value}` }),
    ...(method && { method }),
    ...(headers.length > 0 && { headers: values(headers) }),
    ...(query.length > 0 && { query: values(query) }),
    rule: rule.id,
  };
}

function describeRule(table: LinkedTable, rule: RouteRule) {
  const { matches: _matches, tiers, ...rest } = rule;
  return {
    ...rest,
    tiers: tiers.map((tier) => ({
      ...tier,
      backends: tier.backends.map(({ target, ...backend }) => ({
        ...backend,
        target: describeTarget(resolveTarget(table, target)),
      })),
    })),
  };
}

function describeTarget(target: ResolvedTarget) {
  if (target.type === 'invalid') return target;
  const { identity: _, ...rest } = target;
  return { ...rest, endpoints: target.endpoints.map(({ key, pod }) => (pod ? `${key} ${pod}` : key)) };
}
