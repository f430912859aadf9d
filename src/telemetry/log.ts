import { isatty } from 'node:tty';
import { pino, type DestinationStream, type Level, type Logger } from 'pino';
import { textDestination } from './textlog.ts';

export type Log = Logger;

export interface LogOptions {
  level: Level | 'silent';
  destination?: DestinationStream;
}

/**
 * The process's logger: one JSON object per line, or on a terminal a line for people. Messages are constant and what varies goes into fields
 * (`log.info({ gateway }, 'listener bound')`). Authorization headers and tokens are cut out wherever an object carries
 * them, as a last line of defence: nobody should log them.
 */
export function createLog(options: LogOptions): Log {
  return pino(
    {
      level: options.level,
      base: null,
      redact: {
        paths: ['token', 'authorization', '*.token', '*.authorization', 'headers.*', '*.headers.*'],
        censor: '[redacted]',
      },
    },
    options.destination ?? logDestination(2),
  );
}

/** A file descriptor as the place of the log: JSON for programs, text on a terminal. */
export function logDestination(fd: number): DestinationStream {
  return isatty(fd) ? textDestination(fd) : pino.destination({ dest: fd, sync: true });
}
