import { equalJson, isObject, listAt, objectAt, stringAt, valueAt, withValue, type JsonObject } from '../json.ts';
import { compareQuantities, isQuantity, Quantity } from '../schema/quantity.ts';
import { duplicate, forbiddenField, invalidValue, notSupported, required, type FieldError } from '../status.ts';
import { withDefaults, type Strategy } from './strategy.ts';

/** Pods and the pod templates of workloads. */

export const pods: Strategy = {
  prepare(object, previous) {
    const spec = defaultPodSpec(objectAt(object, 'spec') ?? {});
    if (previous !== undefined) return { ...object, spec };
    return {
      ...object,
      spec: withDefaults(spec, { enableServiceLinks: true }),
      status: { phase: 'Pending', qosClass: qosClass(spec) },
    };
  },
  validate(object, previous) {
    const errors = checkPodSpec(objectAt(object, 'spec') ?? {}, 'spec');
    if (previous !== undefined && !equalJson(frozenPart(object), frozenPart(previous))) {
      errors.push(
        forbiddenField(
          'spec',
          'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
        ),
      );
    }
    return errors;
  },
};

/** The part of a pod's spec that never changes once it exists, beside its binding to a node. */
function frozenPart(pod: unknown): JsonObject {
  const spec = objectAt(pod, 'spec') ?? {};
  const { activeDeadlineSeconds: _deadline, tolerations: _tolerations, nodeName: _node, ...rest } = spec;
  const withoutImages = (field: string) =>
    listAt(spec, field).map((one) => (isObject(one) ? { ...one, image: '' } : one));
  return { ...rest, containers: withoutImages('containers'), initContainers: withoutImages('initContainers') };
}

export function defaultPodSpec(spec: JsonObject): JsonObject {
  const lists = ['containers', 'initContainers', 'ephemeralContainers'].filter((field) => Array.isArray(spec[field]));
  const containers = Object.fromEntries(
    lists.map((field) => [field, listAt(spec, field).map((one) => (isObject(one) ? defaultContainer(one) : one))]),
  );
  const account = stringAt(spec, 'serviceAccountName') ?? stringAt(spec, 'serviceAccount');
  return {
    ...spec,
    ...containers,
    ...(account !== undefined && { serviceAccountName: account, serviceAccount: account }),
  };
}

function defaultContainer(container: JsonObject): JsonObject {
  const image = stringAt(container, 'image') ?? '';
  const tag = /:([^/:@]+)$/.exec(image)?.[1];
  const moving = !image.includes('@') && (tag === undefined || tag === 'latest');
  // Requests default to limits, resource by resource.
  const limits = objectAt(container, 'resources', 'limits');
  const requests = { ...limits, ...objectAt(container, 'resources', 'requests') };
  const defaulted = withDefaults(container, { imagePullPolicy: moving ? 'Always' : 'IfNotPresent' });
  return limits === undefined ? defaulted : withValue(defaulted, ['resources', 'requests'], requests);
}

function qosClass(spec: JsonObject): string {
  const resources = [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')].map((container) => ({
    limits: objectAt(container, 'resources', 'limits') ?? {},
    requests: objectAt(container, 'resources', 'requests') ?? {},
  }));
  if (resources.every(({ limits, requests }) => Object.keys({ ...limits, ...requests }).length === 0))
    return 'BestEffort';
  const guaranteed = resources.every(
    ({ limits, requests }) =>
      limits['cpu'] !== undefined &&
      limits['memory'] !== undefined &&
      limits['cpu'] === requests['cpu'] &&
      limits['memory'] === requests['memory'],
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

export function checkPodSpec(spec: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const volumes = new Set(listAt(spec, 'volumes').map((volume) => stringAt(volume, 'name')));
  const names = new Set<string>();
  for (const field of ['initContainers', 'containers']) {
    for (const [index, container] of listAt(spec, field).entries()) {
      const at = `${path}.${field}[${index}]`;
      const name = stringAt(container, 'name') ?? '';
      // Duplicates inside one list are found by its schema.
      if (field === 'containers' && listAt(spec, 'initContainers').some((other) => stringAt(other, 'name') === name)) {
        errors.push(duplicate(`${at}.name`, name));
      }
      names.add(name);
      checkContainer(container, at, volumes, errors);
    }
  }
  for (const [index, volume] of listAt(spec, 'volumes').entries()) {
    const sources = Object.keys(isObject(volume) ? volume : {}).filter((field) => field !== 'name');
    if (sources.length === 0) errors.push(required(`${path}.volumes[${index}]`, 'must specify a volume type'));
    if (sources.length > 1) {
      errors.push(forbiddenField(`${path}.volumes[${index}].${sources[1]}`, 'may not specify more than 1 volume type'));
    }
  }
  return errors;
}

function checkContainer(
  container: unknown,
  path: string,
  volumes: ReadonlySet<string | undefined>,
  errors: FieldError[],
): void {
  const image = stringAt(container, 'image') ?? '';
  if (image === '') errors.push(required(`${path}.image`));
  else if (image.trim() !== image)
    errors.push(invalidValue(`${path}.image`, image, 'must not have leading or trailing whitespace'));
  checkRequests(container, `${path}.resources.requests`, errors);
  for (const [index, mount] of listAt(container, 'volumeMounts').entries()) {
    const name = stringAt(mount, 'name');
    if (name !== undefined && !volumes.has(name)) {
      errors.push({
        reason: 'FieldValueInvalid',
        field: `${path}.volumeMounts[${index}].name`,
        message: `Not found: "${name}"`,
      });
    }
  }
  const portNames = listAt(container, 'ports').map((port) => stringAt(port, 'name'));
  for (const [index, name] of portNames.entries()) {
    if (name !== undefined && portNames.indexOf(name) < index)
      errors.push(duplicate(`${path}.ports[${index}].name`, name));
  }
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc'].filter(
      (one) => valueAt(container, probe, one) !== undefined,
    );
    if (valueAt(container, probe) === undefined) continue;
    if (handlers.length === 0) errors.push(required(`${path}.${probe}`, 'must specify a handler type'));
    if (handlers.length > 1) {
      errors.push(forbiddenField(`${path}.${probe}.${handlers[1]}`, 'may not specify more than 1 handler type'));
    }
  }
}

function checkRequests(container: unknown, path: string, errors: FieldError[]): void {
  const limits = objectAt(container, 'resources', 'limits') ?? {};
  for (const [resource, wanted] of Object.entries(objectAt(container, 'resources', 'requests') ?? {})) {
    const limit = limits[resource];
    // What is no quantity is reported by the schema.
    if (typeof wanted !== 'string' || typeof limit !== 'string' || !isQuantity(wanted) || !isQuantity(limit)) continue;
    if (compareQuantities(new Quantity(wanted), new Quantity(limit)) > 0) {
      errors.push(invalidValue(path, wanted, `must be less than or equal to ${resource} limit of ${limit}`));
    }
  }
}

/** Only these restart policies make sense in the template of a workload. */
export function checkRestartPolicy(spec: JsonObject, path: string, allowed: readonly string[]): FieldError[] {
  const policy = stringAt(spec, 'restartPolicy') ?? '';
  if (policy === 'Always' && !allowed.includes(policy)) {
    const list = allowed.map((one) => JSON.stringify(one)).join(', ');
    return [required(`${path}.restartPolicy`, `valid values: ${list}`)];
  }
  return allowed.includes(policy) ? [] : [notSupported(`${path}.restartPolicy`, policy, allowed)];
}
