import { writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

/** Log lines for people: `12:00:01 WARN listener failed gateway=default/ai error="..."`. */
export function textDestination(fd: number): DestinationStream {
  return {
    write(line) {
      writeSync(fd, `${textOf(line)}\n`);
    },
  };
}

const levels: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

/** A line of JSON as the logger writes it; what is none is left as it is. */
export function textOf(line: string): string {
  const entry = parse(line);
  if (entry === undefined) return line.trimEnd();
  const { level, time, msg, err, ...fields } = entry;
  const at = typeof time === 'number' ? new Date(time).toISOString().slice(11, 19) : '';
  const name = typeof level === 'number' ? (levels[level] ?? String(level)) : '';
  const rest = Object.entries(fields).map(([field, value]) => `${field}=${valueText(value)}`);
  const error = errorText(err);
  return [at, name, typeof msg === 'string' ? msg : '', ...rest].filter((part) => part !== '').join(' ') + error;
}

function valueText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

/** With its stack, on lines of its own. */
function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const stack: unknown = Reflect.get(error, 'stack') ?? Reflect.get(error, 'message');
  return typeof stack === 'string' ? `\n  ${stack.replaceAll('\n', '\n  ')}` : '';
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
