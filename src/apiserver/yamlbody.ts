import { isScalar, parseDocument, visit } from 'yaml';

/**
 * A body of YAML, in time that grows with its length: that keys are unique is checked here, as the parser compares each key of a map with
 * all others. Most such bodies are JSON, which kubectl sends.
 *
 * @throws Error for what is no YAML, has a key twice or more than 100 aliases
 */
export function parseYamlBody(text: string): unknown {
  if (/^\s*\{/.test(text)) {
    try {
      const value: unknown = JSON.parse(text);
      return value;
    } catch {
      // A flow mapping of YAML may begin like JSON.
    }
  }
  const document = parseDocument(text, { uniqueKeys: false });
  const [error] = document.errors;
  if (error !== undefined) throw error;
  visit(document, {
    Map(_key, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        const name: unknown = isScalar(key) ? key.value : key;
        if (seen.has(name)) throw new Error(`the key ${String(name)} is there twice: map keys must be unique`);
        seen.add(name);
      }
    },
  });
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  return value;
}
