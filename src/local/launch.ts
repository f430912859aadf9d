import type { Container } from 'kubernetes-types/core/v1.js';
import { apiFiles } from './apienvironment.ts';
import type { BuiltinProgram, Program } from './catalog.ts';
import { ContainerConfigError, expand, type PodAddresses } from './environment.ts';
import type { InProcessPart } from './inprocess.ts';
import { rewritePath, type Mount } from './volumes.ts';

/** How to run Headgate's own command line: `execPath args... SUBCOMMAND`. */
export interface Entry {
  execPath: string;
  args: readonly string[];
}

export interface LaunchContext {
  entry: Entry;
  addresses: PodAddresses;
  podName: string;
  /** What every process gets: little, so that secrets of the user's shell do not reach programs. */
  baseEnv: Readonly<Record<string, string>>;
  /** What the container declares (containerEnvironment). */
  declaredEnv: Readonly<Record<string, string>>;
  mounts: readonly Mount[];
}

export interface Launch {
  command: string[];
  env: Record<string, string>;
  /** The program ends when its standard input does (built-in programs). */
  parentPipe: boolean;
  /** Instead of a command: a part of this process. */
  part?: InProcessPart;
}

/**
 * The process that stands in for a container.
 *
 * @throws ContainerConfigError when the container's `command` cannot be taken over by a built-in program.
 */
export function launchOf(container: Container, program: Program, context: LaunchContext): Launch {
  const word = (text: string): string => rewritePath(expand(text, context.declaredEnv), context.mounts);
  const declared = Object.fromEntries(
    Object.entries(context.declaredEnv).map(([name, value]): [string, string] => [
      name,
      rewritePath(value, context.mounts),
    ]),
  );
  const env: Record<string, string> = {
    ...context.baseEnv,
    ...apiFiles(context.mounts),
    HOSTNAME: context.podName,
    HEADGATE_IMAGE: container.image ?? '',
    ...firstPort(container),
    ...(typeof program === 'object' && 'env' in program ? program.env : {}),
    ...declared,
    POD_IP: context.addresses.podIP,
    HEADGATE_LISTEN_ADDRESS: context.addresses.podIP,
    HEADGATE_MOUNTS: JSON.stringify(
      Object.fromEntries(context.mounts.map(({ mountPath, source }) => [mountPath, source])),
    ),
  };
  const args = (container.args ?? []).map(word);
  const builtin = (words: readonly string[]): Launch => ({
    command: [context.entry.execPath, ...context.entry.args, ...words],
    env: { ...env, HEADGATE_PARENT_PIPE: '1' },
    parentPipe: true,
  });
  if (typeof program === 'string') {
    return builtin([program, ...argumentsOfCommand(container, knownCommands[program]).map(word), ...args]);
  }
  if ('gguf' in program) {
    const runtime = program.runtime === undefined ? [] : ['--runtime', program.runtime];
    const words = argumentsOfCommand(container, vllmCommands).map(word);
    return builtin(['llamacpp', ...words, ...args, '--gguf', program.gguf, ...runtime]);
  }
  if ('url' in program) return builtin(['upstream', '--url', program.url]);
  return { command: [...program.command, ...(program.args === 'append' ? args : [])], env, parentPipe: false };
}

function firstPort(container: Container): Record<string, string> {
  const [port] = container.ports ?? [];
  return port === undefined ? {} : { PORT: String(port.containerPort) };
}

/** Commands in the images of a program, and the arguments of the program that do the same. */
interface KnownCommand {
  words: readonly string[];
  instead: readonly string[];
}

const vllmCommands: readonly KnownCommand[] = [
  { words: ['vllm', 'serve'], instead: [] },
  { words: ['python3', '-m', 'vllm.entrypoints.openai.api_server'], instead: [] },
  { words: ['python', '-m', 'vllm.entrypoints.openai.api_server'], instead: [] },
];

const knownCommands: Partial<Record<BuiltinProgram, readonly KnownCommand[]>> = {
  simulator: vllmCommands,
  aimdownload: [
    { words: ['/check-size.sh'], instead: ['check-size'] },
    { words: ['/download.sh'], instead: [] },
  ],
  storageinitializer: [{ words: ['/storage-initializer/scripts/initializer-entrypoint'], instead: [] }],
};

/**
 * The arguments within a container's `command`. A built-in program takes the place of the image's own program; a command that
 * is more than that program's name would do something else in the image, and is refused rather than ignored.
 */
function argumentsOfCommand(container: Container, taken: readonly KnownCommand[] = []): readonly string[] {
  const command = container.command ?? [];
  const known = taken.find(({ words }) => words.every((word, i) => word === command[i]));
  if (known !== undefined) return [...known.instead, ...command.slice(known.words.length)];
  const shell = /(^|\/)(sh|bash|ash|dash|env)$|\.sh$/.test(command[0] ?? '');
  if (!shell && command.slice(1).every((text) => text.startsWith('-'))) return command.slice(1);
  throw new ContainerConfigError(
    'UnsupportedCommand',
    `container "${container.name}": the built-in program for image "${container.image ?? ''}" cannot run command ${JSON.stringify(command)}; ` +
      'remove the command, or map the image to a program of your own with "headgate up --catalog FILE"',
  );
}
