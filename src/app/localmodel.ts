import { open, readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { KubeObject } from '../kinds/object.ts';
import type { CatalogEntry } from '../local/catalog.ts';
import { requireParts } from '../llamacpp/runtime.ts';
import { declaration, gatewayDeclaration } from './gatewaydeclaration.ts';

/** `headgate run MODEL`: finds what MODEL is, and declares what serves it. */

export interface RunnableModel {
  /** What requests ask for. */
  readonly name: string;
  /** The file of a real model; without it the answers are simulated. */
  readonly gguf?: string;
}

/** A GGUF file begins with its name. */
const magic = 'GGUF';
const suffix = '.gguf';
/** Packages keep a model at their top or in a folder. */
const maxDepth = 3;
const maxEntries = 10_000;
/** As catalogs of models have them: owner/model. */
const catalogName = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

/**
 * A GGUF file, a directory or an npm package that holds one, or else the name of a model, which is then simulated.
 *
 * @param from directory that relative paths and packages are looked up from
 * @throws Error that says what is possible
 */
export async function findModel(given: string, from: string = process.cwd()): Promise<RunnableModel> {
  const file = path.resolve(from, given);
  const info = await stat(file).catch(() => undefined);
  if (info?.isFile() === true) return modelOfFile(file);
  if (info?.isDirectory() === true) return modelIn(file, given);
  if (given.toLowerCase().endsWith(suffix)) throw new Error(`there is no file ${file}`);
  const installed = await packageDirectory(given, from);
  if (installed !== undefined) return modelIn(installed, `the package ${given}`);
  if (catalogName.test(given)) return { name: given };
  throw new Error(
    `"${given}" is no model: give a GGUF file, a directory or an installed npm package that holds one, or OWNER/MODEL (such as Qwen/Qwen3-0.6B), whose answers are simulated`,
  );
}

async function modelOfFile(file: string): Promise<RunnableModel> {
  const handle = await open(file).catch((error: unknown) => {
    throw new Error(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(magic.length), 0, magic.length, 0);
    if (buffer.toString('latin1', 0, bytesRead) !== magic)
      throw new Error(`${file} is no GGUF file: llama.cpp cannot read it`);
  } finally {
    await handle.close();
  }
  return { name: path.basename(file).replace(/\.gguf$/i, ''), gguf: file };
}

async function modelIn(directory: string, said: string): Promise<RunnableModel> {
  const files = await ggufFiles(directory);
  const [file] = files;
  if (file === undefined) throw new Error(`${said} holds no ${suffix} file`);
  if (files.length > 1) throw new Error(`${said} holds several models, name one of them: ${files.join(', ')}`);
  return modelOfFile(file);
}

async function ggufFiles(top: string): Promise<string[]> {
  const found: string[] = [];
  let looked = 0;
  const look = async (directory: string, depth: number): Promise<void> => {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if ((looked += 1) > maxEntries) throw new Error(`${top} has too many files: name the ${suffix} file`);
      const inside = path.join(directory, entry.name);
      if (entry.isFile() && entry.name.toLowerCase().endsWith(suffix)) found.push(inside);
      if (entry.isDirectory() && entry.name !== 'node_modules' && depth < maxDepth) await look(inside, depth + 1);
    }
  };
  await look(top, 1);
  return found.toSorted();
}

/** Where node would find a package; a package that exports nothing has a directory all the same. */
async function packageDirectory(name: string, from: string): Promise<string | undefined> {
  if (!/^(@[\w.-]+\/)?[\w][\w.-]*$/.test(name)) return undefined;
  const places = createRequire(path.join(from, 'package.json')).resolve.paths(name) ?? [];
  for (const place of places) {
    const directory = path.join(place, name);
    if ((await stat(directory).catch(() => undefined))?.isDirectory() === true) return directory;
  }
  return undefined;
}

/** The image that stands for the model; no registry has it. */
const image = 'headgate.dev/run';

/**
 * What the node runs for a model's image: llama.cpp with its file, or the simulator.
 *
 * @param runtime directory that has node-llama-cpp; default: beside the file, Headgate, or where it was started
 * @throws Error that says how to install what is missing
 */
export async function catalogOf({ gguf }: RunnableModel, runtime: string | undefined): Promise<CatalogEntry> {
  if (gguf === undefined) return { images: [image], program: 'simulator' };
  const beside = path.dirname(gguf);
  const places = runtime === undefined ? [undefined, beside] : [runtime];
  let problem: unknown;
  for (const place of places) {
    const program = { gguf, ...(place === undefined ? {} : { runtime: place }) };
    try {
      await requireParts(program);
      return { images: [image], program };
    } catch (error) {
      problem ??= error;
    }
  }
  throw problem;
}

/** The objects that serve it: a Deployment of one Pod behind a Gateway. */
export function runDeclaration({ name: model }: RunnableModel): KubeObject[] {
  const name = 'run';
  const metadata = { name, namespace: 'default' };
  const port = 8000;
  const container = {
    name: 'model',
    image,
    args: ['--model', model, '--port', String(port)],
    ports: [{ name: 'http', containerPort: port }],
    readinessProbe: { httpGet: { path: '/health', port }, periodSeconds: 1, failureThreshold: 600 },
  };
  return [
    ...gatewayDeclaration(name),
    declaration('apps/v1', 'Deployment', metadata, {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [container] } },
    }),
    declaration('v1', 'Service', metadata, {
      selector: { app: name },
      ports: [{ name: 'http', port: 80, targetPort: port }],
    }),
    declaration('gateway.envoyproxy.io/v1alpha1', 'Backend', metadata, {
      endpoints: [{ fqdn: { hostname: `${name}.default.svc.cluster.local`, port: 80 } }],
    }),
    declaration('aigateway.envoyproxy.io/v1beta1', 'AIServiceBackend', metadata, {
      schema: { name: 'OpenAI' },
      backendRef: { group: 'gateway.envoyproxy.io', kind: 'Backend', name },
    }),
    declaration('aigateway.envoyproxy.io/v1beta1', 'AIGatewayRoute', metadata, {
      parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name }],
      rules: [
        {
          matches: [{ headers: [{ type: 'Exact', name: 'x-ai-eg-model', value: model }] }],
          backendRefs: [{ name }],
        },
      ],
    }),
  ];
}
