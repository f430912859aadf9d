import { imageBasename, isAimImage } from '../kinds/aim/images.ts';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node } from 'yaml';

/** Programs that are part of Headgate: subcommands of its own command line. */
export const builtinPrograms = [
  'simulator',
  'testupstream',
  'epp',
  'aim',
  'aimdownload',
  'storageinitializer',
] as const;
export type BuiltinProgram = (typeof builtinPrograms)[number];

/** A program of the user's that stands in for an image. */
export interface CommandProgram {
  /** The program and its first arguments; a relative path is looked up from the directory Headgate was started in. */
  command: readonly string[];
  /** Whether the container's `args` follow the command (the default) or are dropped. */
  args: 'append' | 'ignore';
  /** Set unless the container sets the same variable. */
  env: Readonly<Record<string, string>>;
  /** Asked by HTTP GET before a container that declares no readiness probe counts as ready; port 0 is its first port. */
  ready?: { path: string; port: number };
}

/** A server that runs already, to which all requests for the container are passed on. */
export interface UrlProgram {
  url: string;
  /** Asked before a container that declares no readiness probe counts as ready. */
  ready?: { path: string; port: number };
}

/** A model of the user's, served by llama.cpp: `headgate llamacpp`. */
export interface GgufProgram {
  /** The file; a relative path is looked up from the directory Headgate was started in. */
  gguf: string;
  /** The directory that has node-llama-cpp, where it is not installed beside Headgate. */
  runtime?: string;
}

export type Program = BuiltinProgram | CommandProgram | UrlProgram | GgufProgram;

export interface CatalogEntry {
  /**
   * Image names in which `*` stands for any characters; a tag is compared only where the pattern has one. Built-in entries may
   * say it in code.
   */
  images: readonly (string | ((image: string) => boolean))[];
  /** The entry is for containers that are told to serve one of these models; `*` stands for any characters. Default: all. */
  models?: readonly string[];
  program: Program;
}

/** What a node runs in place of container images, which it cannot run. */
export interface Catalog {
  /** The program of the first entry with a pattern that matches. `model`: what the container is told to serve, where it is. */
  find(image: string, model?: string): Program | undefined;
}

/** True for a container that asks an AIM image for its profile (aim.md 7.4), which no program in its place could tell. */
export function isAimDiscovery({ image = '', args = [] }: { image?: string; args?: readonly string[] }): boolean {
  return isAimImage(image) && args[0] === 'dry-run';
}

export const builtinEntries: readonly CatalogEntry[] = [
  {
    images: ['ghcr.io/llm-d/llm-d-inference-sim*', 'vllm/vllm-openai*', 'public.ecr.aws/*/vllm*'],
    program: 'simulator',
  },
  { images: ['envoyproxy/ai-gateway-testupstream'], program: 'testupstream' },
  {
    images: [
      'registry.k8s.io/gateway-api-inference-extension/epp',
      'us-central1-docker.pkg.dev/k8s-staging-images/gateway-api-inference-extension/epp',
      'ghcr.io/llm-d/llm-d-inference-scheduler*',
      'ghcr.io/llm-d/llm-d-router*',
    ],
    program: 'epp',
  },
  { images: [(image) => imageBasename(image) === 'aim-artifact-downloader'], program: 'aimdownload' },
  { images: ['kserve/storage-initializer'], program: 'storageinitializer' },
  { images: [isAimImage], program: 'aim' },
];

/** The user's entries come first, so that they can replace a built-in one. */
export function createCatalog(userEntries: readonly CatalogEntry[] = []): Catalog {
  const entries = [...userEntries, ...builtinEntries].map(({ images, models, program }) => ({
    patterns: images.map((image) => (typeof image === 'string' ? patternOf(image) : image)),
    models: models?.map(wildcard),
    program,
  }));
  return {
    find: (image, model) => {
      const { name, tag } = parseImage(image);
      const found = entries.find(
        ({ patterns, models }) =>
          patterns.some((pattern) => pattern(name, tag)) &&
          (models === undefined || (model !== undefined && models.some((shape) => shape.test(model)))),
      );
      return found?.program;
    },
  };
}

/** What to tell the user whose image no entry matches: the lines that would map it. */
export function imageNotInCatalog(image: string): string {
  const { name } = parseImage(image);
  return (
    `image "${image}" is not in the image catalog: the embedded node runs local programs in place of images. ` +
    'Map it in a file given with "headgate up --catalog FILE":\n' +
    `catalog:\n  - images: ["${name}"]\n    program: simulator\n` +
    `or, for a program of your own,\n    program: { command: ["node", "server.js"] }\n` +
    `or, for a server that runs already,\n    program: { url: "http://127.0.0.1:11434" }\n` +
    `or, for a model file of your own,\n    program: { gguf: "model.gguf" }`
  );
}

function parseImage(image: string): { name: string; tag: string | undefined } {
  const [reference = ''] = image.split('@');
  const colon = reference.indexOf(':', reference.lastIndexOf('/') + 1);
  const name = colon < 0 ? reference : reference.slice(0, colon);
  return { name: shortName(name), tag: colon < 0 ? undefined : reference.slice(colon + 1) };
}

/** `docker.io/library/nginx` and `nginx` are the same image. */
function shortName(name: string): string {
  return name.replace(/^(index\.)?docker\.io\//, '').replace(/^library\//, '');
}

function patternOf(pattern: string): (name: string, tag: string | undefined) => boolean {
  const { name, tag } = parseImage(pattern);
  const nameShape = wildcard(name);
  if (tag === undefined) return (candidate) => nameShape.test(candidate);
  const tagShape = wildcard(tag);
  return (candidate, candidateTag) => nameShape.test(candidate) && tagShape.test(candidateTag ?? 'latest');
}

function wildcard(text: string): RegExp {
  return new RegExp(
    `^${text
      .split('*')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  );
}

/** A mistake in a catalog file; the message says where (`FILE:LINE:COLUMN`), what and what is allowed. */
export class CatalogError extends Error {
  override readonly name = 'CatalogError';
}

/**
 * Reads the text of a catalog file: `catalog:` with a list of `{ images, program }`.
 *
 * @throws CatalogError at the first mistake.
 */
export function parseCatalog(text: string, file: string): CatalogEntry[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const refuse = (node: unknown, message: string): never => {
    const range = isNode(node) ? node.range : undefined;
    const { line, col } = lines.linePos(range?.[0] ?? 0);
    throw new CatalogError(`${file}:${String(line)}:${String(col)}: ${message}`);
  };
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new CatalogError(`${file}:${String(line)}:${String(col)}: ${error.message.split('\n')[0] ?? 'not YAML'}`);
  }
  const reader = catalogReader(refuse);
  return reader.document(document.contents);
}

type Refuse = (node: unknown, message: string) => never;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'range' in value;
}

function catalogReader(refuse: Refuse) {
  /** The values of a map by key; a key that is not in `known` is refused. */
  const fields = <K extends string>(node: unknown, path: string, known: readonly K[]): Partial<Record<K, unknown>> => {
    if (!isMap(node)) return refuse(node, `${path} must be a map with ${known.join(', ')}`);
    const found: Partial<Record<K, unknown>> = {};
    for (const pair of node.items) {
      const name = isScalar(pair.key) ? String(pair.key.value) : '';
      const key = known.find((candidate) => candidate === name);
      if (key === undefined) return refuse(pair.key, `${path} has no field "${name}"; it has ${known.join(', ')}`);
      found[key] = pair.value;
    }
    return found;
  };
  const text = (node: unknown, path: string): string => {
    if (isScalar(node) && typeof node.value === 'string' && node.value !== '') return node.value;
    return refuse(node, `${path} must be a string that is not empty; quote numbers and booleans`);
  };
  const texts = (node: unknown, path: string): string[] => {
    if (!isSeq(node) || node.items.length === 0) return refuse(node, `${path} must be a list of at least one string`);
    return node.items.map((item, i) => text(item, `${path}[${String(i)}]`));
  };
  const oneOf = <V extends string>(node: unknown, path: string, values: readonly V[]): V => {
    const value = isScalar(node) ? values.find((candidate) => candidate === node.value) : undefined;
    return value ?? refuse(node, `${path} must be one of ${values.join(', ')}`);
  };
  const env = (node: unknown, path: string): Record<string, string> => {
    if (!isMap(node)) return refuse(node, `${path} must be a map from variable to string`);
    return Object.fromEntries(
      node.items.map(({ key, value }) => {
        const name = text(key, path);
        if (isScalar(value) && typeof value.value === 'string') return [name, value.value];
        return refuse(value ?? key, `${path}.${name} must be a string; quote numbers and booleans`);
      }),
    );
  };
  const ready = (node: unknown, path: string): { path: string; port: number } => {
    const found = fields(node, path, ['path', 'port']);
    const { port } = found;
    const portNumber = port === undefined ? 0 : isScalar(port) ? Number(port.value) : NaN;
    if (!Number.isInteger(portNumber) || portNumber < 0 || portNumber > 65535) {
      return refuse(port, `${path}.port must be a port number, or absent for the container's first port`);
    }
    return { path: text(found.path ?? node, `${path}.path`), port: portNumber };
  };
  const url = (node: unknown, path: string): string => {
    const value = text(node, path);
    if (URL.canParse(value) && /^https?:/.test(value)) return value;
    return refuse(node, `${path} must be a URL such as http://127.0.0.1:11434`);
  };
  const gguf = (found: Partial<Record<string, unknown>>, path: string): GgufProgram => {
    const other = found['command'] ?? found['args'] ?? found['env'] ?? found['ready'] ?? found['url'];
    if (other !== undefined) return refuse(other, `${path} has a gguf: only runtime has a place beside it`);
    return {
      gguf: text(found['gguf'], `${path}.gguf`),
      ...(found['runtime'] === undefined ? {} : { runtime: text(found['runtime'], `${path}.runtime`) }),
    };
  };
  const program = (node: unknown, path: string): Program => {
    if (isScalar(node)) return oneOf(node, `${path} (or a map with command, url or gguf)`, builtinPrograms);
    const found = fields(node, path, ['command', 'args', 'env', 'ready', 'url', 'gguf', 'runtime']);
    if (found.gguf !== undefined) return gguf(found, path);
    if (found.runtime !== undefined) return refuse(found.runtime, `${path}.runtime is for a gguf`);
    if (found.url !== undefined) {
      const other = found.command ?? found.args ?? found.env;
      if (other !== undefined) return refuse(other, `${path} has a url: command, args and env have no place beside it`);
      return {
        url: url(found.url, `${path}.url`),
        ...(found.ready === undefined ? {} : { ready: ready(found.ready, `${path}.ready`) }),
      };
    }
    return {
      command: texts(found.command ?? node, `${path}.command`),
      args: found.args === undefined ? 'append' : oneOf(found.args, `${path}.args`, ['append', 'ignore']),
      env: found.env === undefined ? {} : env(found.env, `${path}.env`),
      ...(found.ready === undefined ? {} : { ready: ready(found.ready, `${path}.ready`) }),
    };
  };
  const entry = (node: unknown, path: string): CatalogEntry => {
    const found = fields(node, path, ['images', 'models', 'program']);
    if (found.images === undefined) return refuse(node, `${path}.images is missing`);
    if (found.program === undefined) return refuse(node, `${path}.program is missing`);
    return {
      images: texts(found.images, `${path}.images`),
      ...(found.models === undefined ? {} : { models: texts(found.models, `${path}.models`) }),
      program: program(found.program, `${path}.program`),
    };
  };
  return {
    document: (node: unknown): CatalogEntry[] => {
      const { catalog } = fields(node, 'the file', ['catalog']);
      if (!isSeq(catalog)) return refuse(catalog ?? node, 'catalog must be a list of entries with images and program');
      return catalog.items.map((item, i) => entry(item, `catalog[${String(i)}]`));
    },
  };
}
