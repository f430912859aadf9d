import type { WeightedBackend } from '../../routes/table.ts';

/** Names a backend to clients: its kind and name, never an address. */
export function describeBackend(backend: WeightedBackend | undefined): string {
  if (backend === undefined) return 'the backend';
  const { target } = backend;
  if (target.type === 'pool') return `InferencePool ${target.key}`;
  if (target.type === 'invalid') return `backend ${backend.id}`;
  return target.key.replace(/^(service|backend)\//, (_, kind) => (kind === 'service' ? 'Service ' : 'Backend '));
}
