import { matchesLabels } from '../../kinds/labels.ts';
import { equalJson, objectAt, stringAt, valueAt, withValue, type JsonObject } from '../json.ts';
import { invalidValue, required, type FieldError } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import { checkPodSpec, checkRestartPolicy, defaultPodSpec } from './pods.ts';
import { withDefaults, type Strategy } from './strategy.ts';

/** Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and CronJobs. */

const template = ['spec', 'template', 'spec'];
const jobTemplate = ['spec', 'jobTemplate', 'spec', 'template', 'spec'];

function withDefaultTemplate(object: StoredObject, path: readonly string[]): StoredObject {
  const spec = objectAt(object, ...path);
  return spec === undefined ? object : { ...object, ...withValue(object, path, defaultPodSpec(spec)) };
}

const surge = { maxUnavailable: '25%', maxSurge: '25%' };

export const deployments: Strategy = {
  prepare: (object) => withDefaultTemplate(withRollingUpdate(object, ['spec', 'strategy'], surge), template),
  validate: (object, previous) => {
    const errors = checkWorkload(object, previous);
    if (
      stringAt(object, 'spec', 'strategy', 'type') === 'Recreate' &&
      valueAt(object, 'spec', 'strategy', 'rollingUpdate') !== undefined
    ) {
      errors.push({
        reason: 'FieldValueForbidden',
        field: 'spec.strategy.rollingUpdate',
        message: "Forbidden: may not be specified when strategy `type` is 'Recreate'",
      });
    }
    return errors;
  },
};

export const replicaSets: Strategy = {
  prepare: (object) => withDefaultTemplate(object, template),
  validate: checkWorkload,
};

export const statefulSets: Strategy = {
  prepare: (object) =>
    withDefaultTemplate(withRollingUpdate(object, ['spec', 'updateStrategy'], { partition: 0 }), template),
  validate: checkWorkload,
};

export const daemonSets: Strategy = {
  prepare: (object) =>
    withDefaultTemplate(
      withRollingUpdate(object, ['spec', 'updateStrategy'], { maxUnavailable: 1, maxSurge: 0 }),
      template,
    ),
  validate: checkWorkload,
};

function withRollingUpdate(object: StoredObject, path: readonly string[], defaults: JsonObject): StoredObject {
  const strategy = objectAt(object, ...path);
  if (strategy?.['type'] !== 'RollingUpdate') return object;
  const rollingUpdate = withDefaults(objectAt(strategy, 'rollingUpdate') ?? {}, defaults);
  return { ...object, ...withValue(object, [...path, 'rollingUpdate'], rollingUpdate) };
}

function checkWorkload(object: StoredObject, previous: StoredObject | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const selector = objectAt(object, 'spec', 'selector') ?? {};
  const labels = objectAt(object, 'spec', 'template', 'metadata', 'labels');
  if (Object.keys(objectAt(selector, 'matchLabels') ?? {}).length === 0 && selector['matchExpressions'] === undefined) {
    errors.push(invalidValue('spec.selector', selector, `empty selector is invalid for ${object.kind.toLowerCase()}`));
  } else if (valueAt(object, 'spec', 'template') !== undefined && !selects(selector, labels)) {
    errors.push(
      invalidValue('spec.template.metadata.labels', labels ?? {}, '`selector` does not match template `labels`'),
    );
  }
  if (previous !== undefined && !equalJson(selector, valueAt(previous, 'spec', 'selector'))) {
    errors.push(invalidValue('spec.selector', selector, 'field is immutable'));
  }
  errors.push(...checkTemplate(object, template, ['Always']));
  return errors;
}

function checkTemplate(
  object: StoredObject,
  path: readonly string[],
  restartPolicies: readonly string[],
): FieldError[] {
  const spec = objectAt(object, ...path);
  if (spec === undefined) return [];
  const text = path.join('.');
  return [...checkPodSpec(spec, text), ...checkRestartPolicy(spec, text, restartPolicies)];
}

function selects(selector: JsonObject, labels: JsonObject | undefined): boolean {
  try {
    // Both have been checked against their schemas.
    return matchesLabels(selector, labels as Record<string, string> | undefined);
  } catch {
    return false;
  }
}

const jobRestartPolicies = ['OnFailure', 'Never'];

export const jobs: Strategy = {
  prepare(object, previous) {
    const withTemplate = withDefaultTemplate(object, template);
    const spec = objectAt(withTemplate, 'spec') ?? {};
    // One pod, when neither count is given; with one of them the other follows from it.
    const counts = {
      ...(spec['completions'] === undefined && spec['parallelism'] === undefined && { completions: 1 }),
      parallelism: 1,
    };
    const counted = {
      ...withTemplate,
      spec: withDefaults(spec, { ...counts, podReplacementPolicy: 'TerminatingOrFailed' }),
    };
    return previous === undefined && spec['manualSelector'] !== true ? withOwnSelector(counted) : counted;
  },
  validate(object, previous) {
    const errors = checkTemplate(object, template, jobRestartPolicies);
    for (const field of ['template', 'selector', 'completionMode']) {
      const value = valueAt(object, 'spec', field);
      if (previous !== undefined && !equalJson(value, valueAt(previous, 'spec', field))) {
        errors.push(invalidValue(`spec.${field}`, value, 'field is immutable'));
      }
    }
    return errors;
  },
};

/** A Job selects its pods by its own uid, so that two Jobs of one name never share pods. */
function withOwnSelector(job: StoredObject): StoredObject {
  const uid = job.metadata.uid ?? '';
  const labels = {
    ...objectAt(job, 'spec', 'template', 'metadata', 'labels'),
    'controller-uid': uid,
    'job-name': job.metadata.name,
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': job.metadata.name,
  };
  const labelled = withValue(job, ['spec', 'template', 'metadata', 'labels'], labels);
  const selector = { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } };
  return { ...job, ...withValue(labelled, ['spec', 'selector'], selector) };
}

export const cronJobs: Strategy = {
  prepare: (object) => withDefaultTemplate(object, jobTemplate),
  validate(object) {
    const errors = checkTemplate(object, jobTemplate, jobRestartPolicies);
    if ((stringAt(object, 'spec', 'schedule') ?? '') === '') errors.push(required('spec.schedule'));
    return errors;
  },
};
