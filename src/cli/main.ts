import { isProgram, runProgram } from '../app/programs.ts';

/**
 * The command line. The programs that the embedded node runs in pods are dispatched first, for they start often and must
 * not pay for loading what only `headgate up` needs.
 */
const [name = '', ...args] = process.argv.slice(2);
if (isProgram(name)) {
  await runProgram(name, args);
} else {
  const { runCommand } = await import('./commands.ts');
  await runCommand(process.argv);
}
