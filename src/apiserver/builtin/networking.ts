import { isIP } from 'node:net';
import { equalJson, isObject, listAt, objectAt, stringAt, valueAt, withValue, type JsonObject } from '../json.ts';
import { forbiddenField, invalidValue, required, type FieldError } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import type { Strategy } from './strategy.ts';

/** Ingresses, IngressClasses and NetworkPolicies, checked as pkg/apis/networking/validation does. */

const hostShape = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export const ingresses: Strategy = {
  validate(object) {
    const spec = objectAt(object, 'spec') ?? {};
    const rules = listAt(spec, 'rules');
    const errors: FieldError[] = [];
    if (rules.length === 0 && spec['defaultBackend'] === undefined) {
      errors.push(invalidValue('spec', spec, 'either `defaultBackend` or `rules` must be specified'));
    }
    if (spec['defaultBackend'] !== undefined) {
      errors.push(...checkBackend(spec['defaultBackend'], 'spec.defaultBackend', object));
    }
    return [...errors, ...rules.flatMap((rule, index) => checkRule(rule, `spec.rules[${index}]`, object))];
  },
};

function checkRule(rule: unknown, field: string, ingress: StoredObject): FieldError[] {
  const host = stringAt(rule, 'host') ?? '';
  const errors: FieldError[] = [];
  if (isIP(host) !== 0) errors.push(invalidValue(`${field}.host`, host, 'must be a DNS name, not an IP address'));
  else if (host !== '' && (host.length > 253 || !hostShape.test(host))) {
    errors.push(
      invalidValue(
        `${field}.host`,
        host,
        'a lowercase RFC 1123 subdomain, or one with a first label of `*`, is wanted',
      ),
    );
  }
  const paths = listAt(rule, 'http', 'paths');
  return [...errors, ...paths.flatMap((path, index) => checkPath(path, `${field}.http.paths[${index}]`, ingress))];
}

function checkPath(path: unknown, field: string, ingress: StoredObject): FieldError[] {
  const text = stringAt(path, 'path') ?? '';
  const type = stringAt(path, 'pathType');
  const errors = checkBackend(valueAt(path, 'backend'), `${field}.backend`, ingress);
  const mustBegin = type !== 'ImplementationSpecific' || text !== '';
  if (mustBegin && !text.startsWith('/')) errors.push(invalidValue(`${field}.path`, text, 'must be an absolute path'));
  const wrong = ['//', '/./', '/../', '%2f', '%2F'].find((part) => text.includes(part));
  if (type !== 'ImplementationSpecific' && wrong !== undefined) {
    errors.push(invalidValue(`${field}.path`, text, `must not contain '${wrong}'`));
  }
  return errors;
}

function checkBackend(backend: unknown, field: string, { metadata }: StoredObject): FieldError[] {
  const service = objectAt(backend, 'service');
  const resource = objectAt(backend, 'resource');
  if (service !== undefined && resource !== undefined) {
    return [invalidValue(field, metadata.name, 'cannot set both resource and service backends')];
  }
  if (resource !== undefined) return [];
  if (service === undefined) return [required(field, 'a backend has a service or a resource')];
  const port = objectAt(service, 'port') ?? {};
  const given = ['name', 'number'].filter((name) => port[name] !== undefined);
  if (given.length === 1) return [];
  return given.length === 0
    ? [required(`${field}.service.port`, 'port name or number is required')]
    : [invalidValue(`${field}.service.port`, port, 'cannot set both port name & port number')];
}

export const ingressClasses: Strategy = {
  validate(object, previous) {
    const controller = stringAt(object, 'spec', 'controller') ?? '';
    const errors: FieldError[] = [];
    if (controller === '') errors.push(required('spec.controller'));
    else if (!/^[^/]+\/.+$/.test(controller)) {
      errors.push(
        invalidValue('spec.controller', controller, 'must be a domain-prefixed path (such as "acme.io/foo")'),
      );
    }
    if (previous !== undefined && !equalJson(controller, valueAt(previous, 'spec', 'controller'))) {
      errors.push(invalidValue('spec.controller', controller, 'field is immutable'));
    }
    return errors;
  },
};

export const networkPolicies: Strategy = {
  prepare(object) {
    const spec = objectAt(object, 'spec') ?? {};
    if (listAt(spec, 'policyTypes').length > 0) return object;
    const policyTypes = ['Ingress', ...(listAt(spec, 'egress').length > 0 ? ['Egress'] : [])];
    return { ...object, ...withValue(object, ['spec', 'policyTypes'], policyTypes) };
  },
  validate(object) {
    const types = listAt(object, 'spec', 'policyTypes');
    const wrong = types.filter((type) => type !== 'Ingress' && type !== 'Egress');
    const errors = wrong.map((type) => invalidValue('spec.policyTypes', type, 'must be Ingress or Egress'));
    for (const [direction, side] of [
      ['ingress', 'from'],
      ['egress', 'to'],
    ] as const) {
      listAt(object, 'spec', direction).forEach((rule, index) => {
        const field = `spec.${direction}[${index}]`;
        listAt(rule, 'ports').forEach((port, at) => errors.push(...checkPolicyPort(port, `${field}.ports[${at}]`)));
        listAt(rule, side).forEach((peer, at) => errors.push(...checkPeer(peer, `${field}.${side}[${at}]`)));
      });
    }
    return errors;
  },
};

function checkPolicyPort(given: unknown, field: string): FieldError[] {
  const port = valueAt(given, 'port');
  const end = valueAt(given, 'endPort');
  const errors: FieldError[] = [];
  if (typeof port === 'number' && (port < 1 || port > 65_535)) {
    errors.push(invalidValue(`${field}.port`, port, 'must be between 1 and 65535, inclusive'));
  }
  if (end === undefined) return errors;
  if (typeof port !== 'number') errors.push(required(`${field}.port`, 'must be a number when `endPort` is specified'));
  else if (typeof end === 'number' && end < port) {
    errors.push(invalidValue(`${field}.endPort`, end, 'must be greater than or equal to `port`'));
  }
  return errors;
}

function checkPeer(peer: unknown, field: string): FieldError[] {
  const { podSelector, namespaceSelector, ipBlock }: JsonObject = isObject(peer) ? peer : {};
  if (ipBlock === undefined && podSelector === undefined && namespaceSelector === undefined) {
    return [required(field, 'must specify a peer')];
  }
  if (ipBlock === undefined) return [];
  if (podSelector !== undefined || namespaceSelector !== undefined) {
    return [forbiddenField(field, 'may not specify both ipBlock and another peer')];
  }
  const blocks = [stringAt(ipBlock, 'cidr') ?? '', ...listAt(ipBlock, 'except')];
  return blocks
    .filter((block) => !isBlock(block))
    .map((block) => invalidValue(`${field}.ipBlock`, block, 'must be a valid CIDR value, (e.g. 10.9.8.0/24)'));
}

function isBlock(text: unknown): boolean {
  const [, address = '', bits] = /^([^/]+)\/(\d{1,3})$/.exec(String(text)) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128);
}
