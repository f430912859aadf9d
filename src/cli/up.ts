import path from 'node:path';
import type { Level } from 'pino';
import { familyLoader } from '../app/families.ts';
import { startUp, type Up } from '../app/up.ts';
import type { FieldValidation } from '../kube/client.ts';
import type { NodeGpus } from '../local/gpus.ts';
import { createLog } from '../telemetry/log.ts';
import { table } from './table.ts';

export interface UpFlags {
  filename: string[];
  kustomize: string[];
  recursive?: boolean;
  validate: FieldValidation;
  dataDir: string;
  apiPort: number;
  catalog?: string;
  gpus?: NodeGpus[];
  gatewayControllers: string[];
  debugHeaders?: boolean;
  isolatePods?: boolean;
  logLevel: Level | 'silent';
}

/** After this time, what is not ready is named, and the wait goes on. */
const patienceMs = 60_000;

/** Runs `headgate up` until SIGINT or SIGTERM; a second signal ends it at once. */
export async function up(flags: UpFlags, version: string): Promise<void> {
  const started = performance.now();
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
    kustomizations: flags.kustomize,
    recursive: flags.recursive ?? false,
    validation: flags.validate,
    dataDir: flags.dataDir,
    apiPort: flags.apiPort,
    ...(flags.catalog === undefined ? {} : { catalogFile: flags.catalog }),
    ...(flags.gpus === undefined ? {} : { gpus: flags.gpus }),
    claimedControllers: flags.gatewayControllers,
    debugHeaders: flags.debugHeaders ?? false,
    isolatePods: flags.isolatePods ?? false,
    families,
    version,
    log: createLog({ level: flags.logLevel }),
    progress: (message) => {
      console.log(`  ${message}`);
    },
  });

  try {
    const impatience = setTimeout(() => {
      console.log(stillWaiting(running));
    }, patienceMs);
    const ready = running.ready(stopping.signal).finally(() => {
      clearTimeout(impatience);
    });
    if (await Promise.race([ready, stopped.then(() => false)])) console.log(announcement(running, started));
    await stopped;
    console.log('Stopping: finishing requests and ending local processes ...');
  } finally {
    await running.stop();
  }
}

function stillWaiting(running: Up): string {
  const lines = running.pending().map(({ object, reason }) => `  ${object}: ${reason}`);
  return [`Not ready after ${patienceMs / 1000} s, still waiting for:`, ...lines, kubeconfigLine(running)].join('\n');
}

function announcement(running: Up, started: number): string {
  const models = running.models();
  const gateways = running.gateways();
  const sections = [
    `Ready in ${((performance.now() - started) / 1000).toFixed(1)} s`,
    `Kubernetes API  ${running.apiUrl}\nMetrics         ${running.metricsUrl}\n${kubeconfigLine(running)}`,
  ];
  if (models.length > 0) {
    const rows = models.map(({ model = '?', route, backend, endpoints }) => [model, route, backend, endpoints]);
    sections.push(table(['MODEL', 'ROUTE', 'BACKEND', 'ENDPOINTS'], rows));
  }
  for (const { key, url, problem } of gateways) {
    sections.push(`Gateway ${key}  ${url ?? problem ?? 'has no address yet'}`);
  }
  sections.push(nextStep(running));
  return sections.join('\n\n');
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
