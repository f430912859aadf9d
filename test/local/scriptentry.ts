/**
 * A command line for tests of shims: a thread, or a process that is not a shim, runs the script of its last argument, which is given
 * `onTerminate`. By default SIGTERM ends it with code 0, as programs do.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { terminate, type ThreadData } from '../../src/local/shim/messages.ts';
import { runShim } from '../../src/local/shim/process.ts';

const [command] = process.argv.slice(2);
if (isMainThread && command === 'shim') {
  runShim();
} else {
  const [script = ''] = isMainThread ? process.argv.slice(-1) : (workerData as ThreadData).args;
  let listener = (): void => process.exit(0);
  const onTerminate = (other: () => void): void => {
    listener = other;
  };
  if (isMainThread) process.on('SIGTERM', () => listener());
  else {
    parentPort?.on('message', (message) => {
      if (message === terminate) listener();
    });
  }
  // Written by the test itself.
  // oxlint-disable-next-line typescript/no-implied-eval
  const run = new Function('onTerminate', script) as (setListener: typeof onTerminate) => void;
  run(onTerminate);
}
