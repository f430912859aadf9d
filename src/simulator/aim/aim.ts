import type { Log } from '../../telemetry/log.ts';
import type { Env, ProgramOptions, RunningProgram } from '../../llm/server/http.ts';
import { isJsonObject } from '../../llm/server/http.ts';
import { startSimulator } from '../vllm.ts';
import { discoveryOutput } from './discovery.ts';
import { modelOfImage } from './models.ts';

const defaultPort = '8000';
/** Settings of the engine that mean something to a simulation; larger than the simulator's own, as a real image has them. */
const engineDefaults: Readonly<Record<string, string>> = { 'max-model-len': '32768', 'max-num-seqs': '256' };

/**
 * Stands in for AIM images: `dry-run --format=json` prints the profile (discovery.ts) and ends; otherwise a simulated vLLM serves
 * the image's model. Environment: AIM_MODEL_ID (else from the name of the image, HEADGATE_IMAGE), PORT, AIM_ENGINE_ARGS (a
 * JSON object; what has no meaning in a simulation is named in the log).
 */
export async function startAim(
  argv: readonly string[],
  options: ProgramOptions & { log: Log; print?: (text: string) => void },
): Promise<RunningProgram | number> {
  const { env, log } = options;
  const model = modelFor(env);
  if (argv[0] === 'dry-run') {
    const format = argv.find((word) => word.startsWith('--format='))?.slice('--format='.length) ?? 'json';
    if (format !== 'json') throw new Error(`dry-run: the simulated image prints json only, not ${format}`);
    const print = options.print ?? ((text: string) => process.stdout.write(text));
    print(discoveryOutput(model, env));
    return 0;
  }
  if (argv.length > 0 && argv[0] !== 'serve') {
    throw new Error(`a simulated AIM image takes "serve" or "dry-run --format=json", not ${JSON.stringify(argv)}`);
  }
  const port = env['PORT'] ?? defaultPort;
  return startSimulator(['--model', model, '--port', port, ...engineFlags(env, log)], options);
}

function modelFor(env: Env): string {
  const given = env['AIM_MODEL_ID'];
  return given === undefined || given === '' ? modelOfImage(env['HEADGATE_IMAGE'] ?? 'aim-model') : given;
}

function engineFlags(env: Env, log: Log): string[] {
  const flags = { ...engineDefaults };
  for (const [name, setting] of Object.entries(engineArguments(env['AIM_ENGINE_ARGS'] ?? ''))) {
    const flag = name.replace(/^--/, '').replaceAll('_', '-');
    if (Object.hasOwn(engineDefaults, flag)) flags[flag] = String(setting);
    else log.info({ flag }, 'engine argument accepted: it has no effect in a simulation');
  }
  return Object.entries(flags).flatMap(([flag, setting]) => [`--${flag}`, setting]);
}

function engineArguments(text: string): Record<string, unknown> {
  if (text === '') return {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (isJsonObject(parsed)) return parsed;
  } catch {
    // Said below, like any other text that is no JSON object.
  }
  throw new Error('AIM_ENGINE_ARGS must be a JSON object, such as {"max-model-len": 8192}');
}
