import './lighthttp.ts';
import { isMainThread } from 'node:worker_threads';
import { isProgram } from '../app/programs.ts';

/**
 * The command line, and what runs in the threads of `headgate shim`. The programs that the embedded node runs in pods are
 * dispatched first, for they start often and must not pay for loading what only `headgate up` needs; so nothing else is
 * loaded here, either.
 */
const [name = '', ...args] = process.argv.slice(2);
if (!isMainThread) {
  const { runInThread } = await import('../app/runprogram.ts');
  await runInThread();
} else if (name === 'shim') {
  const { runShim } = await import('../local/shim/process.ts');
  runShim();
} else if (isProgram(name) && !args.some((word) => word === '--help' || word === '-h')) {
  const { runInProcess } = await import('../app/runprogram.ts');
  await runInProcess(name, args);
} else {
  const { runCommand } = await import('./commands.ts');
  await runCommand(process.argv);
}
