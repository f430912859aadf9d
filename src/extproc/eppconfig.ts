import { readFile } from 'node:fs/promises';
import type { PickerConfig } from '../picker/config/config.ts';
import { parseConfig } from '../picker/config/parse.ts';

/**
 * The picker's configuration from --config-file or --config-text, or its defaults where neither is given (epp.md 4.7).
 * @throws Error naming the file or flag and what is wrong
 */
export async function readEppConfig(flags: { 'config-file': string; 'config-text': string }): Promise<PickerConfig> {
  if (flags['config-text'] !== '') return parseConfig(flags['config-text'], '--config-text');
  const file = flags['config-file'];
  if (file === '') return parseConfig();
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`flag --config-file: cannot read ${file}: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    });
  }
  return parseConfig(text, file);
}
