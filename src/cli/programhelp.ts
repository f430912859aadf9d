import { flagHelp, type FlagTable } from '../flags/goflags.ts';

/** Programs that the embedded node runs in pods and that are of use by themselves; their flags are those of the programs they stand for. */
interface ProgramHelp {
  readonly description: string;
  readonly flags: () => Promise<FlagTable>;
}

export const helpedPrograms: Readonly<Record<string, ProgramHelp>> = {
  epp: {
    description: 'run the endpoint picker for a proxy that asks over ext_proc, such as Envoy',
    flags: async () => (await import('../extproc/eppflags.ts')).eppFlags,
  },
  bbr: {
    description: 'run the body-based router for a proxy: tells it by headers which model a request names',
    flags: async () => (await import('../extproc/bbrflags.ts')).bbrFlags,
  },
  simulator: {
    description: 'run a simulated model server that answers like vLLM',
    flags: async () => (await import('../simulator/flags.ts')).simulatorFlags,
  },
  llamacpp: {
    description: 'serve a GGUF file with llama.cpp',
    flags: async () => (await import('../llamacpp/flags.ts')).llamaFlags,
  },
};

/** All flags of a program; undefined: there is none of this name, or it has no help. */
export async function programHelp(name: string): Promise<string | undefined> {
  const program = Object.hasOwn(helpedPrograms, name) ? helpedPrograms[name] : undefined;
  if (program === undefined) return undefined;
  const flags = flagHelp(await program.flags());
  return `Usage: headgate ${name} [flags]\n\n${program.description}\n\nFlags, as --flag value or --flag=value:\n${flags}\n`;
}

/** As they are typed. */
export async function flagNames(program: string): Promise<string[]> {
  return Object.keys((await helpedPrograms[program]?.flags()) ?? {}).map((name) => `--${name}`);
}
