import type { Command } from 'commander';
import { addAirunwayFlags, airunwaySettings, type AirunwayFlags } from './families/airunwayflags.ts';
import type { Family, FamilyEntry } from './families/family.ts';

/** Every family of resource APIs that Headgate has controllers for: adding one is a file and an entry here. */
const entries: readonly FamilyEntry[] = [
  { name: 'aim', load: async () => (await import('./families/aim.ts')).aim },
  { name: 'aigateway', load: async () => (await import('./families/aigateway.ts')).aigateway },
  {
    name: 'airunway',
    addFlags: addAirunwayFlags,
    load: async (flags) => {
      // A command has the flags that addFlags gave it.
      const settings = airunwaySettings(flags as AirunwayFlags);
      return (await import('./families/airunway.ts')).airunway(settings);
    },
  },
];

export const familyNames: readonly string[] = entries.map(({ name }) => name);

export function addFamilyFlags(command: Command, port: (text: string) => number): Command {
  for (const { addFlags } of entries) addFlags?.(command, port);
  return command;
}

/**
 * The families of these names, as the flags of a command say.
 *
 * @throws Error for flags that do not fit together
 */
export async function loadFamilies(flags: object, names = familyNames): Promise<Family[]> {
  return Promise.all(entries.filter(({ name }) => names.includes(name)).map(({ load }) => load(flags)));
}
