import { PassThrough } from 'node:stream';
import type { InProcessPart } from '../local/inprocess.ts';
import { createLog, type Log } from '../telemetry/log.ts';

/** Lines that wait for the Pod of the part to start; the oldest are dropped. */
const maxWaiting = 1_000;
/** A reader that is so far behind gets nothing more until it has caught up. */
const maxBehindBytes = 1024 * 1024;

/** The log of a part of this process, from level info on whatever the level of the process: for the part's Pod, and for `main`. */
export function createPartLog(main: Log): { readonly log: Log; readonly part: InProcessPart } {
  const readers = new Set<PassThrough>();
  const waiting: string[] = [];
  const write = (line: string): void => {
    const { level, time: _time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const name = typeof level === 'number' ? main.levels.labels[level] : undefined;
    if (name !== undefined && name in main && typeof msg === 'string') forward(main, name, fields, msg);
    if (readers.size === 0) waiting.push(line);
    if (waiting.length > maxWaiting) waiting.shift();
    for (const reader of readers) if (reader.writableLength < maxBehindBytes) reader.write(line);
  };
  const log = createLog({ level: main.isLevelEnabled('debug') ? 'debug' : 'info', destination: { write } });
  const output = (): PassThrough => {
    const reader = new PassThrough();
    readers.add(reader);
    reader.once('close', () => readers.delete(reader));
    reader.once('finish', () => readers.delete(reader));
    for (const line of waiting.splice(0)) reader.write(line);
    return reader;
  };
  return { log, part: { output } };
}

function forward(main: Log, level: string, fields: Record<string, unknown>, message: string): void {
  if (level === 'error' || level === 'fatal') main.error(fields, message);
  else if (level === 'warn') main.warn(fields, message);
  else if (level === 'info') main.info(fields, message);
  else main.debug(fields, message);
}
