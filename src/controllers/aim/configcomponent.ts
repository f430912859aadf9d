import type { Component } from './health.ts';
import type { ResolvedConfig } from './runtimeconfig.ts';

/** The runtime configuration as a component of models, templates and caches (aim.md 4). */
export function configComponent({ failure, reference }: ResolvedConfig, missingReason: string): Component {
  const component = { name: 'RuntimeConfig', dependency: 'Upstream' } as const;
  if (failure !== undefined) return { ...component, reason: missingReason, failures: [failure] };
  if (reference === undefined) {
    const message = 'there is no configuration: defaults apply';
    return { ...component, state: 'Ready', reason: 'DefaultConfigNotFound', message };
  }
  const message = `runtime configuration ${reference.name ?? ''}`;
  return { ...component, state: 'Ready', reason: 'ConfigFound', message };
}
