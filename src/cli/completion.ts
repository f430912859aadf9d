import type { Command } from 'commander';
import { flagNames, helpedPrograms } from './programhelp.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

interface Words {
  readonly command: string;
  readonly description: string;
  readonly flags: readonly string[];
}

/** The script that makes a shell complete commands and flags; made from the commands there are. */
export async function completion(shell: Shell, program: Command): Promise<string> {
  const commands: Words[] = program.commands.map((command) => ({
    command: command.name(),
    description: command.description(),
    flags: [...command.options.flatMap(({ short, long }) => [long, short].filter(isText)), '--help'],
  }));
  const words = await Promise.all(
    commands.map(async (one): Promise<Words> =>
      Object.hasOwn(helpedPrograms, one.command)
        ? { ...one, flags: [...(await flagNames(one.command)), '--help'] }
        : one,
    ),
  );
  return { bash, zsh, fish }[shell](words);
}

const isText = (value: string | undefined): value is string => value !== undefined;
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function bash(words: readonly Words[]): string {
  const cases = words.map(({ command, flags }) => `    ${command}) flags=${quoted(flags.join(' '))} ;;`);
  return `# bash completion of headgate: source <(headgate completion bash)
_headgate() {
  local current=\${COMP_WORDS[COMP_CWORD]} flags=
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W ${quoted(words.map(({ command }) => command).join(' '))} -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
  if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$current"))
  else COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _headgate headgate
`;
}

function zsh(words: readonly Words[]): string {
  const described = words.map(({ command, description }) => `    ${quoted(`${command}:${description}`)}`);
  const cases = words.map(({ command, flags }) => `    ${command}) flags=(${flags.map(quoted).join(' ')}) ;;`);
  return `#compdef headgate
# zsh completion of headgate: source <(headgate completion zsh)
_headgate() {
  local -a commands flags
  commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  case $words[2] in
${cases.join('\n')}
  esac
  if [[ $PREFIX == -* ]]; then compadd -- $flags; else _files; fi
}
compdef _headgate headgate
`;
}

function fish(words: readonly Words[]): string {
  const names = words.map(({ command }) => command).join(' ');
  const lines = words.flatMap(({ command, description, flags }) => [
    `complete -c headgate -f -n "not __fish_seen_subcommand_from ${names}" -a ${command} -d ${quoted(description)}`,
    ...flags.map((flag) => {
      const spelled = flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
      return `complete -c headgate -n "__fish_seen_subcommand_from ${command}" ${spelled}`;
    }),
  ]);
  return `# fish completion of headgate: headgate completion fish | source\n${lines.join('\n')}\n`;
}
