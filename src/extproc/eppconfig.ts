import { readFile } from 'node:fs/promises';

/** The kinds of API groups under which an EndpointPickerConfig goes (epp.md 4.7). */
const apiVersions = ['llm-d.ai/v1alpha1', 'inference.networking.x-k8s.io/v1alpha1', 'config.x-k8s.io/v1alpha1'];

export interface EppConfig {
  /** Types of the plugins declared, in order. */
  plugins: readonly string[];
}

/**
 * Reads the picker's configuration, so that a pod whose config file is missing or wrong fails as it would on a cluster.
 * Only the document's outline is checked here: plugins are the business of the picker that uses them.
 *
 * @throws Error naming the file and the field
 */
export async function readEppConfig(flags: {
  'config-file': string;
  'config-text': string;
}): Promise<EppConfig | undefined> {
  if (flags['config-text'] !== '') return parseEppConfig(flags['config-text'], '--config-text');
  const file = flags['config-file'];
  if (file === '') return undefined;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`flag --config-file: cannot read ${file}: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    });
  }
  return parseEppConfig(text, file);
}

export async function parseEppConfig(text: string, source: string): Promise<EppConfig> {
  const { parse } = await import('yaml'); // Not needed where there is no configuration.
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new Error(`${source}: not YAML: ${error instanceof Error ? error.message : ''}`, { cause: error });
  }
  const config = record(document, source);
  if (config['kind'] !== 'EndpointPickerConfig') {
    throw new Error(`${source}: kind: EndpointPickerConfig expected, got ${JSON.stringify(config['kind'])}`);
  }
  if (!apiVersions.some((version) => version === config['apiVersion'])) {
    throw new Error(
      `${source}: apiVersion: one of ${apiVersions.join(', ')} expected, got ${JSON.stringify(config['apiVersion'])}`,
    );
  }
  const plugins = config['plugins'] ?? [];
  if (!Array.isArray(plugins)) throw new Error(`${source}: plugins: a list expected`);
  return {
    plugins: plugins.map((plugin: unknown, at) => {
      const { type } = record(plugin, `${source}: plugins[${String(at)}]`);
      if (typeof type !== 'string') throw new Error(`${source}: plugins[${String(at)}].type: a plugin type expected`);
      return type;
    }),
  };
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${where}: a map expected`);
  return value as Record<string, unknown>; // An object that is not a list: its keys are strings.
}
