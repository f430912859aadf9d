/** metav1.LabelSelector */
export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
}

/** One term of a selector: all must hold. */
export interface Requirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  values: readonly string[];
}

type Labels = Readonly<Record<string, string>> | undefined;

/** An empty selector matches everything (Kubernetes API conventions). */
export function matchesLabels(selector: LabelSelector, labels: Labels): boolean {
  return requirementsOf(selector).every((requirement) => meets(requirement, labels));
}

export function requirementsOf(selector: LabelSelector): Requirement[] {
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]): Requirement => ({
    key,
    operator: 'In',
    values: [value],
  }));
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values }): Requirement => {
    if (operator !== 'In' && operator !== 'NotIn' && operator !== 'Exists' && operator !== 'DoesNotExist') {
      throw new Error(`"${operator}" is not a valid label selector operator: use In, NotIn, Exists or DoesNotExist`);
    }
    return { key, operator, values: values ?? [] };
  });
  return [...equal, ...expressions];
}

export function meets(requirement: Requirement, labels: Labels): boolean {
  const value = labels?.[requirement.key];
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && requirement.values.includes(value);
    case 'NotIn':
      return value === undefined || !requirement.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return isInteger(value) && BigInt(value) > BigInt(requirement.values[0] ?? '0');
    case 'Lt':
      return isInteger(value) && BigInt(value) < BigInt(requirement.values[0] ?? '0');
  }
}

function isInteger(text: string | undefined): text is string {
  return text !== undefined && /^-?\d{1,19}$/.test(text);
}

const setTerm = /^(?<key>[^\s!=,()]+)\s+(?<operator>in|notin)\s*\((?<values>[^()]*)\)$/;
const comparisonTerm = /^(?<key>[^\s!=,()<>]+)\s*(?<operator>[<>])\s*(?<value>[^\s,()]*)$/;
const equalityTerm = /^(?<key>[^\s!=,()]+)\s*(?<operator>==|=|!=)\s*(?<value>[^\s!=,()]*)$/;
const existenceTerm = /^(?<not>!)?\s*(?<key>[^\s!=,()]+)$/;

/** Parses the text form of `-l` and `labelSelector=`: `a=b,c!=d,e in (f,g),!h`. Throws with what it did not understand. */
export function parseSelector(text: string): Requirement[] {
  return splitTerms(text).map((term): Requirement => {
    const set = setTerm.exec(term)?.groups;
    if (set !== undefined) {
      const values = (set['values'] ?? '').split(',').map((value) => value.trim());
      return { key: set['key'] ?? '', operator: set['operator'] === 'in' ? 'In' : 'NotIn', values };
    }
    const equality = equalityTerm.exec(term)?.groups;
    if (equality !== undefined) {
      const operator = equality['operator'] === '!=' ? 'NotIn' : 'In';
      return { key: equality['key'] ?? '', operator, values: [equality['value'] ?? ''] };
    }
    const comparison = comparisonTerm.exec(term)?.groups;
    if (comparison !== undefined) {
      const value = comparison['value'];
      if (!isInteger(value)) throw new Error(`unable to parse requirement: "${term}" compares with no integer`);
      return { key: comparison['key'] ?? '', operator: comparison['operator'] === '>' ? 'Gt' : 'Lt', values: [value] };
    }
    const existence = existenceTerm.exec(term)?.groups;
    if (existence !== undefined) {
      const operator = existence['not'] === undefined ? 'Exists' : 'DoesNotExist';
      return { key: existence['key'] ?? '', operator, values: [] };
    }
    throw new Error(`unable to parse requirement: "${term}" is not a label selector`);
  });
}

/** Commas separate terms, except inside parentheses. */
function splitTerms(text: string): string[] {
  if (text.trim() === '') return [];
  const outside = text.replaceAll(/\([^()]*\)/g, '()').split(',');
  if (outside.some((term) => term.trim() === '')) {
    throw new Error(`unable to parse requirement: "${text}" has nothing before or after a comma`);
  }
  const terms = text.match(/(?:\([^()]*\)|[^,])+/g) ?? [];
  return terms.map((term) => term.trim());
}
