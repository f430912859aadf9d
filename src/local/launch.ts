import type { Container } from 'kubernetes-types/core/v1.js';
import { apiFiles } from './apienvironment.ts';
import type { BuiltinProgram, CommandProgram, Program } from './catalog.ts';
import { ContainerConfigError, expand, type PodAddresses } from './environment.ts';
import type { InProcessPart } from './inprocess.ts';
import { safeVariables } from './runtimevariables.ts';
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

/** What stands in for a container: a built-in program in a thread of a shim, a process, or a part of this process. */
export type Launch = (
  | { type: 'thread'; program: string; args: readonly string[] }
  /** `parentPipe`: the program ends when its standard input does. */
  | { type: 'process'; command: readonly string[]; parentPipe: boolean }
  | { type: 'part'; part: InProcessPart }
) & {
  /** Of the program, and of commands that are run beside it. */
  env: Readonly<Record<string, string>>;
  /** Declared variables that were left out (runtimevariables.ts). */
  dropped: readonly string[];
};

/**
 * What stands in for a container.
 *
 * @throws ContainerConfigError when the container's `command` cannot be taken over by a built-in program.
 */
export function launchOf(container: Container, program: Program, context: LaunchContext): Launch {
  const word = (text: string): string => rewritePath(expand(text, context.declaredEnv), context.mounts);
  const { env: allowed, dropped } = safeVariables(context.declaredEnv, isCommand(program) ? 'theirs' : 'ours');
  const declared = Object.fromEntries(
    Object.entries(allowed).map(([name, value]): [string, string] => [name, rewritePath(value, context.mounts)]),
  );
  const env: Record<string, string> = {
    ...context.baseEnv,
    ...apiFiles(context.mounts),
    HOSTNAME: context.podName,
    HEADGATE_IMAGE: container.image ?? '',
    ...firstPort(container),
    ...(isCommand(program) ? program.env : {}),
    ...declared,
    POD_IP: context.addresses.podIP,
    HEADGATE_LISTEN_ADDRESS: context.addresses.podIP,
    HEADGATE_MOUNTS: JSON.stringify(
      Object.fromEntries(context.mounts.map(({ mountPath, source }) => [mountPath, source])),
    ),
  };
  const args = (container.args ?? []).map(word);
  const builtin = (name: string, words: readonly string[]): Launch => ({
    type: 'thread',
    program: name,
    args: words,
    env,
    dropped,
  });
  if (typeof program === 'string') {
    return builtin(program, [...argumentsOfCommand(container, knownCommands[program]).map(word), ...args]);
  }
  if ('gguf' in program) {
    const runtime = program.runtime === undefined ? [] : ['--runtime', program.runtime];
    const words = argumentsOfCommand(container, vllmCommands).map(word);
    // A process of its own always: much memory, and code that is not JavaScript.
    return {
      type: 'process',
      command: [
        context.entry.execPath,
        ...context.entry.args,
        'llamacpp',
        ...words,
        ...args,
        '--gguf',
        program.gguf,
        ...runtime,
      ],
      env: { ...env, HEADGATE_PARENT_PIPE: '1' },
      dropped,
      parentPipe: true,
    };
  }
  if (!isCommand(program)) return builtin('upstream', ['--url', program.url]);
  const command = [...program.command, ...(program.args === 'append' ? args : [])];
  return { type: 'process', command, env, dropped, parentPipe: false };
}

function isCommand(program: Program): program is CommandProgram {
  return typeof program === 'object' && 'command' in program;
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
