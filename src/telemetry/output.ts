import { pino } from 'pino';

/** Lines that wait for a reader of the process's output; more are dropped. */
const maxBytes = 1024 * 1024;
/** Written together, and at the latest after so long. */
const batch = { bytes: 4096, delayMs: 200 };

type Path = '/dev/stdout' | '/dev/stderr';

/** The process's output for lines of logs: in batches, never holding up who writes, and bounded. */
export function createOutput(): { writeLine(path: Path, line: string): void; flush(): void } {
  const open = new Map<Path, ReturnType<typeof pino.destination>>();
  const destination = (path: Path): ReturnType<typeof pino.destination> => {
    let found = open.get(path);
    if (found === undefined) {
      const dest = path === '/dev/stdout' ? 1 : 2;
      const { bytes: minLength, delayMs: periodicFlush } = batch;
      found = pino.destination({ dest, sync: false, minLength, periodicFlush, maxLength: maxBytes });
      open.set(path, found);
    }
    return found;
  };
  return {
    writeLine: (path, line) => {
      destination(path).write(`${line}\n`);
    },
    flush: () => {
      for (const one of open.values()) one.flushSync();
    },
  };
}
