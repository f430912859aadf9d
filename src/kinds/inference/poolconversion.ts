import type { Condition } from '../object.ts';
import { InferencePool } from './inferencepool.ts';
import { placeholderParent, type XInferencePool } from './xinferencepool.ts';
import { apiVersionOf } from '../kind.ts';

/**
 * Between the two shapes of an InferencePool: that of before v1, `inference.networking.x-k8s.io/v1alpha2`, and v1 (epp.md 1.2). The
 * groups differ, so they are two kinds and no version of one another: whoever uses pools converts.
 */

type XStatus = NonNullable<XInferencePool['status']>;
type Status = NonNullable<InferencePool['status']>;
type XParent = NonNullable<XStatus['parent']>[number];

/** The Service port of a picker that names none. */
const defaultPickerPort = 9002;

/** A pool of before v1 as v1 has it, without the parent that only stands for "nobody has looked yet". */
export function poolOfX({ metadata, spec, status }: XInferencePool): InferencePool {
  const { extensionRef } = spec;
  const { portNumber = defaultPickerPort, ...picker } = extensionRef;
  return {
    apiVersion: apiVersionOf(InferencePool),
    kind: InferencePool.kind,
    metadata,
    spec: {
      selector: { matchLabels: spec.selector },
      targetPorts: [{ number: spec.targetPortNumber }],
      endpointPickerRef: { ...picker, port: { number: portNumber } },
    },
    ...(status === undefined ? {} : { status: statusOfX(status) }),
  };
}

function statusOfX({ parent }: XStatus): Status {
  if (parent === undefined) return {};
  const parents = parent.filter((entry) => !isPlaceholder(entry));
  return {
    parents: parents.map(({ conditions, ...entry }) => ({
      ...entry,
      ...(conditions === undefined ? {} : { conditions: conditions.map(fromX) }),
    })),
  };
}

function isPlaceholder({ parentRef }: XParent): boolean {
  return parentRef.kind === placeholderParent.parentRef.kind && parentRef.name === placeholderParent.parentRef.name;
}

/** The status of a v1 pool as those before v1 have it: they do not say which controller wrote an entry, and are never without one. */
export function xStatusOf({ parents = [] }: Status): XStatus {
  if (parents.length === 0) return { parent: [structuredClone(placeholderParent)] };
  return {
    parent: parents.map(({ controllerName: _unknown, conditions, ...entry }) => ({
      ...entry,
      ...(conditions === undefined ? {} : { conditions: conditions.map(toX) }),
    })),
  };
}

const reasons = { x: 'NotSupportedByGateway', v1: 'NotSupportedByParent' };

function fromX(condition: Condition): Condition {
  return condition.reason === reasons.x ? { ...condition, reason: reasons.v1 } : condition;
}

function toX(condition: Condition): Condition {
  return condition.reason === reasons.v1 ? { ...condition, reason: reasons.x } : condition;
}
