import type { Command } from 'commander';
import { addAirunwayFlags, airunwaySettings, type AirunwayFlags } from './families/airunwayflags.ts';
import type { Family, FamilyEntry } from './families/family.ts';

/** Every family of resource APIs that Headgate has controllers for: adding one is a file and an entry here. */
const entries: readonly FamilyEntry[] = [
  { name: 'aim', loader: () => async () => (await import('./families/aim.ts')).aim },
  { name: 'aigateway', loader: () => async () => (await import('./families/aigateway.ts')).aigateway },
  {
    name: 'airunway',
    addFlags: addAirunwayFlags,
    loader: (flags) => {
      // A command has the flags that addFlags gave it.
      const settings = airunwaySettings(flags as AirunwayFlags);
      return async () => (await import('./families/airunway.ts')).airunway(settings);
    },
  },
];

export const familyNames: readonly string[] = entries.map(({ name }) => name);

export function addFamilyFlags(command: Command, port: (text: string) => number): Command {
  for (const { addFlags } of entries) addFlags?.(command, port);
  return command;
}

/**
 * Reads the flags of a command, and says how to load the families of these names: it takes a while, so not before they are
 * wanted.
 *
 * @throws Error for flags that do not fit together
 */
export function familyLoader(flags: object, names = familyNames): () => Promise<Family[]> {
  const loaders = entries.filter(({ name }) => names.includes(name)).map(({ loader }) => loader(flags));
  return () => Promise.all(loaders.map((load) => load()));
}
