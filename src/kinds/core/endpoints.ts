import type * as core from 'kubernetes-types/core/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { age, column } from '../kubernetes/columns.ts';

export type Endpoints = Builtin<core.Endpoints>;

export const Endpoints = defineBuiltin<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  model: 'V1Endpoints',
  shortNames: ['ep'],
  status: false,
  columns: [column<Endpoints>('Endpoints', addresses), age],
});

const shown = 3;

function addresses(endpoints: Endpoints): string {
  const all = (endpoints.subsets ?? []).flatMap((subset) =>
    (subset.addresses ?? []).flatMap(({ ip }) =>
      subset.ports === undefined ? [ip] : subset.ports.map(({ port }) => `${ip}:${port}`),
    ),
  );
  if (all.length === 0) return '<none>';
  const more = all.length > shown ? ` + ${all.length - shown} more...` : '';
  return all.slice(0, shown).join(',') + more;
}
