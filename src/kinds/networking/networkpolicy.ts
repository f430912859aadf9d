import type * as networking from 'kubernetes-types/networking/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column, selectorText } from '../kubernetes/columns.ts';

export type NetworkPolicy = Builtin<networking.NetworkPolicy, 'spec'>;

export const NetworkPolicy = defineBuiltin<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  model: 'V1NetworkPolicy',
  shortNames: ['netpol'],
  status: false,
  ineffective: 'the embedded node enforces no NetworkPolicy: every local program reaches every Pod',
  columns: [column<NetworkPolicy>('Pod-Selector', ({ spec }) => selectorText(spec.podSelector)), age],
});
