import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import type { Parameters } from '../config/parameters.ts';
import type { PluginFactory } from '../plugin.ts';
import type { Usage } from '../../llm/usage.ts';

/**
 * `request-attribute-reporter`: a number computed from a request's token usage, for the proxy's dynamic metadata (epp.md 5.7), for example
 * what the request cost. Expressions see `usage` as the answer's JSON has it; numbers are doubles.
 */
export const requestAttributeReporter: PluginFactory = {
  types: ['request-attribute-reporter'],
  create(name, parameters) {
    const [attribute, ...others] = parameters.maps('attributes');
    if (attribute === undefined || others.length > 0) {
      return parameters.fail('attributes', 'exactly one attribute expected', parameters.value('attributes'));
    }
    const key = attribute.map('key');
    const namespace = key.text('namespace', '') || 'envoy.lb';
    const attributeName = key.required('name');
    key.done();
    attribute.required('expression');
    const evaluate = compile(attribute, 'expression');
    const applies = attribute.text('condition', '') === '' ? undefined : compile(attribute, 'condition');
    attribute.done();
    return {
      type: 'request-attribute-reporter',
      name,
      report(usage) {
        const variables = { usage: variablesOf(usage) };
        try {
          if (applies !== undefined && applies(variables) !== true) return undefined;
          const value = Number(evaluate(variables));
          return Number.isFinite(value) ? { namespace, name: attributeName, value: Math.trunc(value) } : undefined;
        } catch {
          // The answer has not what the expression asks for: there is nothing to tell.
          return undefined;
        }
      },
    };
  },
};

const environment = new Environment().registerVariable('usage', 'dyn');

function compile(attribute: Parameters, field: 'expression' | 'condition'): ParseResult {
  const text = attribute.text(field, '');
  try {
    return environment.parse(text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return attribute.fail(field, `a CEL expression expected (${problem})`, text);
  }
}

function variablesOf({ promptTokens, completionTokens, cachedTokens }: Usage): Record<string, unknown> {
  const known = promptTokens !== undefined || completionTokens !== undefined;
  return {
    ...(promptTokens !== undefined && { prompt_tokens: promptTokens }),
    ...(completionTokens !== undefined && { completion_tokens: completionTokens }),
    ...(known && { total_tokens: (promptTokens ?? 0) + (completionTokens ?? 0) }),
    ...(cachedTokens !== undefined && { prompt_tokens_details: { cached_tokens: cachedTokens } }),
  };
}
