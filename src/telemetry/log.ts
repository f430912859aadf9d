import { pino, type DestinationStream, type Level, type Logger } from 'pino';

export type Log = Logger;

export interface LogOptions {
  level: Level | 'silent';
  destination?: DestinationStream;
}

/**
 * The process's logger: one JSON object per line. Messages are constant and what varies goes into fields
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
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
}
