import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { poolOfX, xStatusOf } from '../../src/kinds/inference/poolconversion.ts';
import type { XInferencePool } from '../../src/kinds/inference/xinferencepool.ts';

const pool = (changes: Partial<XInferencePool> = {}): XInferencePool => ({
  apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
  kind: 'InferencePool',
  metadata: { name: 'p', namespace: 'default', uid: 'u', annotations: { a: 'b' } },
  spec: { selector: { app: 'm' }, targetPortNumber: 8000, extensionRef: { name: 'epp' } },
  ...changes,
});
const condition = (reason: string) => ({
  type: 'Accepted',
  status: 'False' as const,
  reason,
  message: 'm',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

describe('an InferencePool of before v1', () => {
  it('has its selector, port and picker where v1 has them', () => {
    expect(poolOfX(pool())).toEqual({
      apiVersion: 'inference.networking.k8s.io/v1',
      kind: 'InferencePool',
      metadata: pool().metadata,
      spec: {
        selector: { matchLabels: { app: 'm' } },
        targetPorts: [{ number: 8000 }],
        endpointPickerRef: { name: 'epp', port: { number: 9002 } },
      },
    });
  });

  it('keeps the port and failureMode of its picker', () => {
    const extensionRef = {
      group: '',
      kind: 'Service',
      name: 'epp',
      portNumber: 9100,
      failureMode: 'FailOpen',
    } as const;
    expect(poolOfX(pool({ spec: { ...pool().spec, extensionRef } })).spec.endpointPickerRef).toEqual({
      group: '',
      kind: 'Service',
      name: 'epp',
      port: { number: 9100 },
      failureMode: 'FailOpen',
    });
  });

  it('loses the parent that stands for nobody', () => {
    const parent = [{ parentRef: { kind: 'Status', name: 'default' }, conditions: [condition('Pending')] }];
    expect(poolOfX(pool({ status: { parent } })).status).toEqual({ parents: [] });
  });

  it('has reasons of its own', () => {
    const parent = [{ parentRef: { kind: 'Gateway', name: 'gw' }, conditions: [condition('NotSupportedByGateway')] }];
    const { status = {} } = poolOfX(pool({ status: { parent } }));
    expect(status.parents?.[0]?.conditions?.[0]?.reason).toBe('NotSupportedByParent');
    expect(xStatusOf(status)).toEqual({ parent });
  });

  it('gets back every status that has no placeholder', () => {
    const parentRef = fc.record({ kind: fc.constant('Gateway'), name: fc.string(), namespace: fc.string() });
    const conditions = fc.array(
      fc.constantFrom('Accepted', 'NotSupportedByGateway', 'HTTPRouteNotAccepted').map(condition),
    );
    fc.assert(
      fc.property(fc.array(fc.record({ parentRef, conditions }), { minLength: 1 }), (parent) => {
        expect(xStatusOf(poolOfX(pool({ status: { parent } })).status ?? {})).toEqual({ parent });
      }),
    );
  });

  it('has the placeholder again when no Gateway is left', () => {
    expect(xStatusOf({ parents: [] })).toMatchObject({ parent: [{ parentRef: { kind: 'Status', name: 'default' } }] });
  });

  it('does not say which controller wrote', () => {
    const parents = [{ parentRef: { name: 'gw' }, controllerName: 'example.com/c', conditions: [] }];
    expect(xStatusOf({ parents })).toEqual({ parent: [{ parentRef: { name: 'gw' }, conditions: [] }] });
  });
});
