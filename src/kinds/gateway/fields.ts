import { Type, type TProperties } from '../type.ts';
import { conditions, int32, listMap, mapOf, stringEnum, type StructuralOptions } from '../schema.ts';

/** Field types of the Gateway API that several kinds share (gatewayapi.md 3.1, 5, 6). */

const dnsName = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';

export const apiGroup = 'gateway.networking.k8s.io';

/**
 * Annotations of the kinds' CustomResourceDefinitions: the API review that the group's name calls for, and the release of the
 * Gateway API whose standard channel they follow.
 */
export const definitionAnnotations = {
  'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/gateway-api/pull/4530',
  'gateway.networking.k8s.io/bundle-version': 'v1.5.1',
  'gateway.networking.k8s.io/channel': 'standard',
};

export function hostname(options: StructuralOptions = {}) {
  const description = 'A host name in lower case; the first label may be `*`. No port and no address.';
  return Type.String({ description, minLength: 1, maxLength: 253, pattern: `^(\\*\\.)?${dnsName}$`, ...options });
}

export function preciseHostname() {
  return Type.String({
    description: 'A host name in lower case, without wildcard and port.',
    minLength: 1,
    maxLength: 253,
    pattern: `^${dnsName}$`,
  });
}

export function sectionName(options: StructuralOptions = {}) {
  return Type.String({
    description: 'Name of one section of an object, such as a listener or a rule.',
    minLength: 1,
    maxLength: 253,
    pattern: `^${dnsName}$`,
    ...options,
  });
}

export function group(options: StructuralOptions = {}) {
  return Type.String({
    description: 'API group of the object; empty for the core group.',
    maxLength: 253,
    pattern: `^$|^${dnsName}$`,
    ...options,
  });
}

export function kind(options: StructuralOptions = {}) {
  return Type.String({
    description: 'Kind of the object.',
    minLength: 1,
    maxLength: 63,
    pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$',
    ...options,
  });
}

export function objectName() {
  return Type.String({ description: 'Name of the object.', minLength: 1, maxLength: 253 });
}

export function namespace() {
  return Type.String({
    description: 'Namespace of the object; absent means that of the referrer. Another one needs a ReferenceGrant.',
    minLength: 1,
    maxLength: 63,
    pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
  });
}

export function portNumber() {
  return int32({ description: 'A port, 1 to 65535.', minimum: 1, maximum: 65535 });
}

/** Gateway API duration: units h, m, s, ms; no fractions, no sign. */
export function duration() {
  return Type.String({
    description: 'A duration: whole numbers with h, m, s or ms, such as 1h30m or 500ms.',
    pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$',
  });
}

/** `domain/path`, as controllerName and implementation-specific enum values are written. */
export const domainPrefixedPath =
  "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$";

export function controllerName(options: StructuralOptions = {}) {
  return Type.String({
    description: 'Name of the controller, as domain/path.',
    minLength: 1,
    maxLength: 253,
    pattern: domainPrefixedPath,
    ...options,
  });
}

/** Label and annotation values that a Gateway copies to what it creates. */
export function annotationMap(options: StructuralOptions & { maxProperties?: number } = {}) {
  return mapOf(Type.String({ maxLength: 4096 }), options);
}

export const parentReference = Type.Object({
  group: Type.Optional(group({ default: apiGroup })),
  kind: Type.Optional(kind({ default: 'Gateway' })),
  namespace: Type.Optional(namespace()),
  name: objectName(),
  sectionName: Type.Optional(sectionName()),
  port: Type.Optional(portNumber()),
});

const sameParent =
  "p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name && (((!has(p1.__namespace__) || p1.__namespace__ == '') && (!has(p2.__namespace__) || p2.__namespace__ == '')) || (has(p1.__namespace__) && has(p2.__namespace__) && p1.__namespace__ == p2.__namespace__ ))";
const sameSection =
  "(((!has(p1.sectionName) || p1.sectionName == '') && (!has(p2.sectionName) || p2.sectionName == '')) || (has(p1.sectionName) && has(p2.sectionName) && p1.sectionName == p2.sectionName))";

export function parentReferences() {
  return Type.Array(parentReference, {
    maxItems: 32,
    'x-kubernetes-validations': [
      {
        rule: `self.all(p1, self.all(p2, ${sameParent} ? ((!has(p1.sectionName) || p1.sectionName == '') == (!has(p2.sectionName) || p2.sectionName == '')) : true))`,
        message: 'sectionName must be specified when parentRefs includes 2 or more references to the same parent',
      },
      {
        rule: `self.all(p1, self.exists_one(p2, ${sameParent} && ${sameSection}))`,
        message: 'sectionName must be unique when parentRefs includes 2 or more references to the same parent',
      },
    ],
  });
}

/** A reference in the namespace of the referrer. */
export const localObjectReference = Type.Object({ group: group(), kind: kind(), name: objectName() });

/** A reference to a Secret, in any namespace. */
export const secretObjectReference = Type.Object({
  group: Type.Optional(group({ default: '' })),
  kind: Type.Optional(kind({ default: 'Secret' })),
  name: objectName(),
  namespace: Type.Optional(namespace()),
});

const backendReferenceFields = {
  group: Type.Optional(group({ default: '' })),
  kind: Type.Optional(kind({ default: 'Service' })),
  name: objectName(),
  namespace: Type.Optional(namespace()),
  port: Type.Optional(portNumber()),
};

const servicePortRule = {
  rule: "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
  message: 'Must have port for Service reference',
};

export function backendObjectReference(options: StructuralOptions = {}) {
  return backendReferenceWith({}, options);
}

/** BackendObjectReference plus more fields (weight, filters). */
export function backendReferenceWith<P extends TProperties>(more: P, options: StructuralOptions = {}) {
  return Type.Object(
    { ...backendReferenceFields, ...more },
    { ...options, 'x-kubernetes-validations': [servicePortRule, ...(options['x-kubernetes-validations'] ?? [])] },
  );
}

/** A field name of HTTP: an RFC 7230 token. */
export function headerName() {
  return Type.String({
    description: 'Name of the header or parameter: an HTTP token.',
    minLength: 1,
    maxLength: 256,
    pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$",
  });
}

export function headerValue() {
  return Type.String({ description: 'Value of the header.', minLength: 1, maxLength: 4096 });
}

export function headerMatches() {
  return listMap(
    ['name'],
    Type.Object({
      type: Type.Optional(
        stringEnum(['Exact', 'RegularExpression'], { default: 'Exact', description: 'How the value is compared.' }),
      ),
      name: headerName(),
      value: headerValue(),
    }),
    { maxItems: 16, description: 'Headers that must all match.' },
  );
}

export const httpRouteTimeouts = Type.Object(
  { request: Type.Optional(duration()), backendRequest: Type.Optional(duration()) },
  {
    'x-kubernetes-validations': [
      {
        rule: "!(has(self.request) && has(self.backendRequest) && duration(self.request) != duration('0s') && duration(self.backendRequest) > duration(self.request))",
        message: 'backendRequest timeout cannot be longer than request timeout',
      },
    ],
  },
);

/** RouteStatus.parents: one entry per parentRef and controller. */
export function routeParentStatuses() {
  return Type.Array(
    Type.Object({
      parentRef: parentReference,
      controllerName: controllerName(),
      conditions: conditions({ maxItems: 8 }),
    }),
    { maxItems: 32, 'x-kubernetes-list-type': 'atomic' },
  );
}

/** PolicyStatus.ancestors: what each Gateway or route that a policy reaches makes of it. */
export function policyAncestorStatuses() {
  return Type.Array(
    Type.Object({
      ancestorRef: parentReference,
      controllerName: controllerName(),
      conditions: Type.Optional(conditions({ maxItems: 8 })),
    }),
    { maxItems: 16, 'x-kubernetes-list-type': 'atomic' },
  );
}

/** The default status of objects that nobody has looked at yet. */
export function pendingConditions(...types: readonly string[]) {
  return types.map((type) => ({
    type,
    status: 'Unknown',
    reason: 'Pending',
    message: 'Waiting for controller',
    lastTransitionTime: '1970-01-01T00:00:00Z',
  }));
}
