/**
 * Simulated model servers of the real-time benchmark, all in one process of their own: `node modelservers.ts COUNT FLAG...`. They listen on
 * 127.0.0.2, 127.0.0.3, ... with one port, as the pods of a pool do; it is printed when all are there. They stop on SIGTERM.
 */
import type { RunningProgram } from '../../src/llm/server/http.ts';
import { startSimulator } from '../../src/simulator/vllm.ts';
import { createLog } from '../../src/telemetry/log.ts';

const [count = '', ...flags] = process.argv.slice(2);
const log = createLog({ level: 'warn' });
const servers: RunningProgram[] = [];
let port = '0';
for (let at = 0; at < Number(count); at += 1) {
  const env = { POD_NAME: `server-${at}` };
  const server = await startSimulator([...flags, '--port', port], { env, host: `127.0.0.${at + 2}`, log });
  port = new URL(server.url).port;
  servers.push(server);
}
console.log(port);

process.once('SIGTERM', () => {
  for (const server of servers) void server.close();
});
