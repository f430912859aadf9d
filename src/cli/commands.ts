import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { foreignControllers, headgateController } from '../controllers/gateway/controllernames.ts';
import { parseGpus, type NodeGpus } from '../local/gpus.ts';
import { addFamilyFlags, familyNames } from '../app/families.ts';
import type { ChatFlags } from './chat.ts';
import type { ControllerFlags } from './controller.ts';
import type { BackupFlags } from './backup.ts';
import type { ExplainFlags } from './explain.ts';
import type { ModelsFlags } from './models.ts';
import type { UpFlags } from './up.ts';
import { sharedAddress } from '../app/sharedaddress.ts';
import type { SharedAddress } from '../app/sockets.ts';
import { helpedPrograms, programHelp } from './programhelp.ts';
import type { RequestsFlags } from './requests.ts';
import type { RunFlags } from './run.ts';
import type { Shell } from './completion.ts';
import type { FieldValidation } from '../kube/client.ts';
import { parsePlace, type Place } from '../wire/places.ts';

const logLevels = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const;
type LogLevel = (typeof logLevels)[number];

/** Parses the arguments and runs the command they name, loading only what that command needs. A mistake of the user ends with one line and code 1. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  const program = new Command('headgate')
    .description('Inference gateway and control plane: declare models and routes, get one OpenAI-compatible endpoint.')
    .version(packageJson.version)
    .showHelpAfterError('Use --help for the commands and flags there are.');
  const named = argv[2] === 'help' ? argv[3] : argv[2];
  const help = named === undefined ? undefined : await programHelp(named);
  if (help !== undefined) {
    process.stdout.write(help);
    return;
  }

  const upCommand = program
    .command('up')
    .description('run everything in one process: Kubernetes API, controllers, node, gateway')
    .option(
      '-f, --filename <path>',
      'apply this file, directory or URL of YAML, or - for standard input; repeatable',
      collect,
      [],
    )
    .option('-k, --kustomize <directory>', 'apply this kustomization; repeatable', collect, [])
    .addOption(
      new Option('--openai <url>', 'serve the models that this OpenAI-compatible server lists').argParser(httpUrl),
    )
    .option('-R, --recursive', 'directories below those of -f, too')
    .addOption(
      new Option('--validate <mode>', 'unknown fields: strict refuses, warn tells, ignore drops them')
        .default('Strict', 'strict')
        .argParser(fieldValidation),
    )
    .option('--data-dir <dir>', 'where objects, logs and the kubeconfig are kept', '.headgate')
    .option('--api-port <port>', 'port of the Kubernetes API on 127.0.0.1; 0 picks a free one and keeps it', port, 0)
    .option('--catalog <file>', 'image catalog: which local command runs for which container image')
    .option(
      '--gpus <list>',
      'GPUs that the node pretends to have, such as MI300X:8 or H100:4, a node for each; repeatable; none for no GPUs (default: MI300X, more than enough)',
      gpus,
    )
    .option('--gateway-controllers <names>', 'GatewayClass controller names to act for, separated by commas', names, [
      headgateController,
      ...foreignControllers,
    ])
    .option(
      '--isolate-pods',
      'run the built-in programs of each Pod in a process of its own, not each in a thread of one process',
    )
    .option(
      '--listen <address>',
      'Gateways listen here, for containers and other machines: 0.0.0.0, ::1, localhost or an address of this machine; each declared port at a free one (default: loopback addresses of their own)',
      listenAddress,
    )
    .option(
      '--resolve <host:port:address>',
      'reach this host of a backend or token server at this address, as with curl; repeatable',
      resolvedPlace,
      [],
    )
    .option(
      '--prefer-group <groups>',
      'API groups, separated by commas, whose kinds short names such as aimservice mean (default: the older groups)',
      names,
      [],
    )
    .option('--debug-headers', 'answer requests that carry "x-headgate-debug: true" with the route and endpoint taken')
    .option('--log-level <level>', logLevels.join(', '), logLevel, 'warn');
  addFamilyFlags(upCommand, port).action(async (flags: UpFlags) => {
    const { up } = await import('./up.ts');
    await up(flags, packageJson.version);
  });

  program
    .command('run')
    .description('run one model and serve it: a GGUF file by llama.cpp, other names simulated')
    .argument('<model>', 'a GGUF file, a directory or npm package that holds one, or OWNER/MODEL (simulated)')
    .option('-p, --prompt <text>', 'ask this, print the answer and end')
    .option('--max-tokens <count>', 'longest answer to it', positive)
    .option('--runtime <dir>', 'directory where node-llama-cpp is installed')
    .option('--data-dir <dir>', 'where objects and logs are kept (default: a temporary directory)')
    .option('--log-level <level>', logLevels.join(', '), logLevel, 'warn')
    .action(async (model: string, flags: RunFlags) => {
      const { run } = await import('./run.ts');
      await run(model, flags, upCommand.opts<UpFlags>(), packageJson.version);
    });

  const controllerCommand = program
    .command('controller')
    .description('run the controllers alone, on a Kubernetes API: for clusters, whose gateways and nodes are their own')
    .option('--kubeconfig <file>', "the API, instead of the Pod's ServiceAccount or KUBECONFIG")
    .option('--controllers <names>', 'which, separated by commas', families, familyNames)
    .option('--leader-elect', 'take turns with other processes, by a Lease', false)
    .option('--lease-namespace <namespace>', 'where the Lease is', 'default')
    .option('--bind-address <address>', 'where /healthz, /readyz and /metrics are', '127.0.0.1')
    .option('--port <port>', 'their port; another one where it is taken', port, 8081)
    .option('--log-level <level>', logLevels.join(', '), logLevel, 'info');
  addFamilyFlags(controllerCommand, port).action(async (flags: ControllerFlags) => {
    const { controller } = await import('./controller.ts');
    await controller(flags, packageJson.version);
  });

  withAdmin(program.command('explain'))
    .description('say why: where a running `headgate up` would send a request now, or what an object is made of')
    .argument('[object]', 'RESOURCE/NAME: any object that has a status, such as aimservice/qwen-chat or gateway/ai')
    .option('-n, --namespace <namespace>', 'namespace of the object', 'default')
    .option('--model <model>', 'a chat request for this model')
    .option('--prompt <text>', "the user's message of the chat request")
    .option('--url <url>', 'a request to this URL, or to this path on every listener')
    .option('-X, --method <method>', 'its method; POST when it has a body, else GET')
    .option('-H, --header <line>', 'its header, "name: value"; repeatable', collect, [])
    .option('-d, --body <file>', 'its body; - for standard input')
    .addOption(outputOption(['json', 'yaml']))
    .action(async (object: string | undefined, flags: ExplainFlags) => {
      const { explain } = await import('./explain.ts');
      await explain(object, flags);
    });

  withAdmin(program.command('models'))
    .description('list the models that a running `headgate up` serves: what serves them, endpoints, URL for clients')
    .addOption(outputOption(['json', 'yaml']))
    .option('-w, --watch', 'print them again whenever they change')
    .action(async (flags: ModelsFlags) => {
      const { models } = await import('./models.ts');
      await models(flags);
    });

  withAdmin(program.command('requests'))
    .description('print the requests of a running `headgate up` as they end')
    .addOption(new Option('-o, --output <format>', 'json: a line of JSON each').choices(['json']))
    .action(async (flags: RequestsFlags) => {
      const { requests } = await import('./requests.ts');
      await requests(flags);
    });

  withAdmin(program.command('chat'))
    .description('talk to a model in the terminal, through the gateway of a running `headgate up`')
    .argument('<model>', 'the model, as `headgate models` lists it')
    .argument('[prompt]', 'ask this and end; without it, each line of the input is a turn')
    .option('--system <text>', 'what the model is told first')
    .option('--max-tokens <count>', 'longest answer', positive)
    .addOption(new Option('--url <url>', 'an OpenAI endpoint, instead of a running `headgate up`').argParser(httpUrl))
    .action(async (model: string, prompt: string | undefined, flags: ChatFlags) => {
      const { chat } = await import('./chat.ts');
      await chat(model, prompt, flags);
    });

  program
    .command('crds')
    .description(
      'print the CustomResourceDefinitions of the groups that Headgate has the controllers of, as YAML for a cluster',
    )
    .option('--group <group>', 'only the kinds of this API group')
    .option(
      '--all',
      'those of Gateway API, the Inference Extension, Envoy Gateway, KServe, KEDA and others, too',
      false,
    )
    .action(async (flags: { group?: string; all: boolean }) => {
      const { crds } = await import('./crds.ts');
      process.stdout.write(crds(flags));
    });

  program
    .command('backup')
    .description('copy all API objects and credentials to a new file (mode 0600), also while `up` runs')
    .argument('<file>', 'the file to write')
    .option('--data-dir <dir>', 'the data directory', '.headgate')
    .action(async (file: string, flags: BackupFlags) => {
      const { runBackup } = await import('./backup.ts');
      runBackup(file, flags);
    });

  program
    .command('restore')
    .description('put a backup in the place of the objects of a data directory that is not in use')
    .argument('<file>', 'the file that `headgate backup` wrote')
    .option('--data-dir <dir>', 'the data directory; made if it does not exist', '.headgate')
    .action(async (file: string, flags: BackupFlags) => {
      const { runRestore } = await import('./backup.ts');
      await runRestore(file, flags);
    });

  // Run by main.ts; here for the list of commands.
  for (const [name, { description }] of Object.entries(helpedPrograms)) {
    program.command(`${name} [flags...]`).description(description);
  }

  program
    .command('completion')
    .description('print the script that completes commands and flags in a shell')
    .addArgument(new Argument('<shell>', 'which').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: Shell) => {
      const { completion } = await import('./completion.ts');
      process.stdout.write(await completion(shell, program));
    });

  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    // A fault of the program shows where it is; what the user or the system did wrong is said in one line.
    if (!(error instanceof Error) || faults.some((fault) => error instanceof fault)) throw error;
    console.error(`error: ${error.message}`);
    // Whatever a start that failed has left open does not keep the process.
    process.exit(1);
  }
}

/** The flags of commands that ask a running `headgate up`. */
function withAdmin(command: Command): Command {
  return command
    .option('--data-dir <dir>', 'data directory of the running process', '.headgate')
    .addOption(new Option('--admin <url>', 'where its metrics are served, instead of --data-dir').argParser(httpUrl))
    .option('--admin-token-file <file>', 'a bearer token for --admin, instead of the one in --data-dir');
}

function outputOption(formats: readonly string[]): Option {
  return new Option('-o, --output <format>', `${formats.join(' or ')} instead of tables`).choices([...formats]);
}

const faults = [TypeError, ReferenceError, RangeError, SyntaxError];

const names = (text: string): string[] => text.split(',').map((name) => name.trim());

const collect = (value: string, previous: string[]): string[] => [...previous, value];

function gpus(text: string, before: NodeGpus[] = []): NodeGpus[] {
  try {
    return [...before, ...parseGpus(text)];
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function resolvedPlace(text: string, before: (readonly [string, Place])[]): (readonly [string, Place])[] {
  try {
    return [...before, parsePlace(text)];
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function listenAddress(text: string): SharedAddress {
  try {
    return sharedAddress(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

/** As kubectl spells it. */
function fieldValidation(text: string): FieldValidation {
  const modes: Readonly<Record<string, FieldValidation>> = {
    strict: 'Strict',
    true: 'Strict',
    warn: 'Warn',
    ignore: 'Ignore',
    false: 'Ignore',
  };
  const mode = modes[text.toLowerCase()];
  if (mode === undefined) throw new InvalidArgumentError('use strict, warn or ignore.');
  return mode;
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65535)
    throw new InvalidArgumentError('not a port: use 0 to 65535.');
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('not a count: use 1 or more.');
  return value;
}

function families(text: string): string[] {
  return text.split(',').map((name) => {
    const known = familyNames.find((candidate) => candidate === name.trim());
    if (known === undefined) throw new InvalidArgumentError(`use ${familyNames.join(', ')}.`);
    return known;
  });
}

function httpUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:/.test(text))
    throw new InvalidArgumentError('not a URL: use http://address:port.');
  return text;
}

function logLevel(text: string): LogLevel {
  const level = logLevels.find((candidate) => candidate === text);
  if (level === undefined) throw new InvalidArgumentError(`use one of ${logLevels.join(', ')}.`);
  return level;
}
