import path from 'node:path';
import type { Level } from 'pino';
import { stringify } from 'yaml';
import { familyLoader } from '../app/families.ts';
import { startUp, type Declared, type Up } from '../app/up.ts';
import { manifestsOf } from '../app/gatewaydeclaration.ts';
import { findOpenAiServer, openAiDeclaration } from '../app/openaiserver.ts';
import type { FieldValidation } from '../kube/client.ts';
import type { NodeGpus } from '../local/gpus.ts';
import { createLog } from '../telemetry/log.ts';
import type { Place } from '../wire/places.ts';
import { isOutside } from '../app/sharedaddress.ts';
import type { SharedAddress } from '../app/sockets.ts';
import { firstOf } from '../app/readiness.ts';
import { createProgress, paint, type Screen } from './progress.ts';
import { table } from './table.ts';

export interface UpFlags {
  filename: string[];
  kustomize: string[];
  recursive?: boolean;
  /** Base URL of a server whose models are to be served. */
  openai?: string;
  validate: FieldValidation;
  dataDir: string;
  apiPort: number;
  catalog?: string;
  gpus?: NodeGpus[];
  gatewayControllers: string[];
  debugHeaders?: boolean;
  listen?: SharedAddress;
  resolve: (readonly [string, Place])[];
  preferGroup: string[];
  isolatePods?: boolean;
  logLevel: Level | 'silent';
}

/** After this time, what is not ready is named, and the wait goes on. */
const patienceMs = 60_000;

/** Runs `headgate up` until SIGINT or SIGTERM; a second signal ends it at once. */
export async function up(flags: UpFlags, version: string): Promise<void> {
  if (flags.openai === undefined) return serve(flags, version, {});
  const server = await findOpenAiServer(flags.openai);
  const objects = openAiDeclaration(server);
  const yaml = objects.map((object) => stringify(object, { lineWidth: 0 })).join('---\n');
  console.log(`Declared for ${flags.openai}, which offers ${firstOf(server.models)}:\n\n${yaml}`);
  return serve(flags, version, { declared: { manifests: manifestsOf('--openai', objects), catalog: [] } });
}

export interface ServeOptions {
  declared?: Declared;
  /** Where progress is told; default: standard output. */
  screen?: Screen;
  /** Done once everything is ready, instead of telling it and waiting for a signal. */
  task?: (running: Up, stopping: AbortSignal) => Promise<void>;
}

/** Serves until SIGINT or SIGTERM, or until `task` is done. */
export async function serve(flags: UpFlags, version: string, options: ServeOptions): Promise<void> {
  const started = performance.now();
  const progress = createProgress(options.screen ?? process.stdout);
  const families = familyLoader(flags);
  const stopping = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    const onSignal = (): void => {
      if (stopping.signal.aborted) process.exit(1);
      stopping.abort();
      resolve();
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });

  const running = await startUp({
    files: flags.filename,
    declared: options.declared,
    kustomizations: flags.kustomize,
    recursive: flags.recursive ?? false,
    validation: flags.validate,
    dataDir: flags.dataDir,
    apiPort: flags.apiPort,
    ...(flags.catalog === undefined ? {} : { catalogFile: flags.catalog }),
    ...(flags.gpus === undefined ? {} : { gpus: flags.gpus }),
    claimedControllers: flags.gatewayControllers,
    debugHeaders: flags.debugHeaders ?? false,
    listen: flags.listen,
    places: new Map(flags.resolve),
    preferredGroups: flags.preferGroup,
    isolatePods: flags.isolatePods ?? false,
    families,
    version,
    log: createLog({ level: flags.logLevel }),
    progress: (message) => {
      progress.doing(message);
    },
    warn: (message) => {
      progress.warn(message);
    },
  }).catch((error: unknown) => {
    progress.done();
    throw error;
  });

  try {
    const impatience = setTimeout(() => {
      progress.say(stillWaiting(running));
    }, patienceMs);
    const ready = running.ready(stopping.signal).finally(() => {
      clearTimeout(impatience);
    });
    const isReady = await Promise.race([ready, stopped.then(() => false)]);
    if (options.task !== undefined) {
      progress.done();
      if (isReady) await options.task(running, stopping.signal);
      return;
    }
    if (isReady) {
      progress.say(announcement(running, started));
      if (flags.listen !== undefined && isOutside(flags.listen)) progress.warn(openToAll(flags.listen));
    } else progress.done();
    await stopped;
    console.log('Stopping: finishing requests and ending local processes ...');
  } finally {
    await running.stop();
  }
}

/** Of what is not ready. */
const linesShown = 10;

function stillWaiting(running: Up): string {
  const pending = running.pending();
  const lines = pending.slice(0, linesShown).map(({ object, reason }) => `  ${object}: ${reason}`);
  const more = pending.length - lines.length;
  return [
    `Not ready after ${patienceMs / 1000} s, still waiting for ${pending.length} objects:`,
    ...lines,
    ...(more > 0 ? [`  and ${more} more`] : []),
    kubeconfigLine(running),
  ].join('\n');
}

function announcement(running: Up, started: number): string {
  const models = running.models();
  const gateways = running.gateways();
  const ready = `Ready in ${((performance.now() - started) / 1000).toFixed(1)} s`;
  const sections = [
    paint('green', ready, process.stdout.isTTY),
    `Kubernetes API  ${running.apiUrl}\nMetrics         ${running.metricsUrl}\n${kubeconfigLine(running)}`,
  ];
  if (models.length > 0) {
    const rows = models
      .slice(0, modelsShown)
      .map(({ model = '?', route, backend, endpoints }) => [model, route, backend, endpoints]);
    const more = models.length - rows.length;
    const rest = more > 0 ? `\nand ${more} more: headgate models` : '';
    sections.push(`${table(['MODEL', 'ROUTE', 'BACKEND', 'ENDPOINTS'], rows)}${rest}`);
  }
  for (const { key, url, problem } of gateways) {
    sections.push(`Gateway ${key}  ${url ?? problem ?? 'has no address yet'}`);
  }
  if (running.simulated()) {
    sections.push('Answers are simulated: no model runs here (docs/models-and-chat.md says how one does).');
  }
  sections.push('Whoever may create or enter Pods runs commands as you do: RBAC ends there (docs/embedded-node.md).');
  sections.push(nextStep(running));
  return sections.join('\n\n');
}

/** Of what may be thousands. */
const modelsShown = 20;

function openToAll({ address }: SharedAddress): string {
  return `Gateways listen on ${address}: whoever reaches this machine may use the models, unless a policy asks for credentials.`;
}

function kubeconfigLine(running: Up): string {
  return `export KUBECONFIG=${path.resolve(running.kubeconfig)}`;
}

function nextStep(running: Up): string {
  const served = running.models().find(({ model, url }) => model !== undefined && url !== undefined);
  if (served?.url === undefined) {
    return 'Nothing is declared yet. Try, with the KUBECONFIG above:\n  kubectl apply -f examples/quickstart.yaml';
  }
  const { model, url, host } = served;
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello!' }] });
  const headers = [
    'Content-Type: application/json',
    ...(host === undefined ? [] : [`Host: ${host.replace('*', 'any')}`]),
  ];
  const options = headers.map((header) => `-H '${header}'`).join(' ');
  return `Try:\n  curl ${url}/chat/completions ${options} -d '${body}'`;
}
