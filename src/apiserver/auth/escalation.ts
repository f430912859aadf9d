import type { PolicyRule } from 'kubernetes-types/rbac/v1.js';

/**
 * The parts of `wanted` that `held` does not cover, so that nobody grants others what they may not do themselves
 * (k8s.io/component-helpers/auth/rbac/validation Covers).
 */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(single).filter((part) => !held.some((rule) => covers(rule, part)));
}

/** A rule taken apart into rules of one verb on one thing each. */
function single(rule: PolicyRule): PolicyRule[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const onResources = apiGroups.flatMap((apiGroup) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb): PolicyRule[] => {
        const one: PolicyRule = { verbs: [verb], apiGroups: [apiGroup], resources: [resource] };
        return resourceNames.length === 0 ? [one] : resourceNames.map((name) => ({ ...one, resourceNames: [name] }));
      }),
    ),
  );
  return [
    ...onResources,
    ...nonResourceURLs.flatMap((url) => verbs.map((verb): PolicyRule => ({ verbs: [verb], nonResourceURLs: [url] }))),
  ];
}

function covers(rule: PolicyRule, part: PolicyRule): boolean {
  if (!all(rule.verbs, part.verbs)) return false;
  if (part.nonResourceURLs !== undefined) return part.nonResourceURLs.every((url) => coversUrl(rule, url));
  const names = rule.resourceNames ?? [];
  return (
    all(rule.apiGroups ?? [], part.apiGroups ?? []) &&
    (part.resources ?? []).every((resource) => coversResource(rule.resources ?? [], resource)) &&
    (names.length === 0 ||
      (part.resourceNames !== undefined && part.resourceNames.every((name) => names.includes(name))))
  );
}

function all(list: readonly string[], wanted: readonly string[]): boolean {
  return list.includes('*') || wanted.every((one) => list.includes(one));
}

function coversResource(list: readonly string[], wanted: string): boolean {
  const slash = wanted.indexOf('/');
  return list.includes('*') || list.includes(wanted) || (slash >= 0 && list.includes(`*${wanted.slice(slash)}`));
}

function coversUrl({ nonResourceURLs = [] }: PolicyRule, wanted: string): boolean {
  return nonResourceURLs.some(
    (url) => url === '*' || url === wanted || (url.endsWith('*') && wanted.startsWith(url.slice(0, -1))),
  );
}

/** What is missing, for messages: rules of one verb on the same thing are put together, each is a line, in order. */
export function rulesText(rules: readonly PolicyRule[]): string {
  const byThing = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const { verbs, ...thing } = rule;
    // URLs are not put together.
    const key = JSON.stringify(rule.nonResourceURLs === undefined ? thing : rule);
    const known = byThing.get(key);
    byThing.set(key, known === undefined ? rule : { ...known, verbs: [...known.verbs, ...verbs] });
  }
  return [...new Set([...byThing.values()].map(ruleText))].toSorted().join('\n');
}

/** A rule as Go prints it (CompactString). */
function ruleText({ apiGroups, resources, resourceNames, nonResourceURLs, verbs }: PolicyRule): string {
  const part = (name: string, list: readonly string[] | undefined) =>
    list === undefined || list.length === 0 ? [] : [`${name}:${quotedList(list)}`];
  return `{${[
    ...part('APIGroups', apiGroups),
    ...part('Resources', resources),
    ...part('ResourceNames', resourceNames),
    ...part('NonResourceURLs', nonResourceURLs),
    ...part('Verbs', verbs),
  ].join(', ')}}`;
}

/** `["a" "b"]`, as Go's %q prints a list. */
export function quotedList(list: readonly string[]): string {
  return `[${list.map((text) => JSON.stringify(text)).join(' ')}]`;
}
