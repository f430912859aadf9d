import { matchesLabels, type LabelSelector } from '../../kinds/labels.ts';
import type { Parameters } from '../config/parameters.ts';
import type { PluginFactory } from '../plugin.ts';
import { filterOf } from './filter.ts';

/** `label-selector-filter`: endpoints whose pod matches a label selector (epp.md 5.7). */
export const labelSelectorFilter: PluginFactory = {
  types: ['label-selector-filter', 'by-label-selector'],
  create(name, parameters) {
    const selector: LabelSelector = {
      matchLabels: { ...parameters.textMap('matchLabels') },
      matchExpressions: parameters.maps('matchExpressions').map(readExpression),
    };
    return filterOf('label-selector-filter', name, (labels) => matchesLabels(selector, labels));
  },
};

function readExpression(expression: Parameters): { key: string; operator: string; values: readonly string[] } {
  const operator = expression.oneOf('operator', ['In', 'NotIn', 'Exists', 'DoesNotExist'], 'In');
  const read = { key: expression.required('key'), operator, values: expression.texts('values') };
  expression.done();
  return read;
}

/** `by-label`: the older form, one label and its values. */
export const byLabelFilter: PluginFactory = {
  types: ['by-label'],
  create(name, parameters) {
    const label = parameters.required('label');
    const validValues = parameters.texts('validValues');
    const allowsNoLabel = parameters.flag('allowsNoLabel', false);
    return filterOf('by-label', name, (labels) => {
      const value = labels?.[label];
      return value === undefined ? allowsNoLabel : validValues.includes(value);
    });
  },
};
