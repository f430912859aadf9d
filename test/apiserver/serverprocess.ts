import { startApiServer } from '../../src/apiserver/server.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { createLog } from '../../src/telemetry/log.ts';

/**
 * An API in a process that can be killed: `serverprocess.ts DIR EVENTS` keeps its objects in DIR and EVENTS changes of history. It
 * prints where it is, and stops on SIGTERM.
 */
const [dataDir = '', events = '1000'] = process.argv.slice(2);
const server = await startApiServer({
  dataDir,
  kinds: allKinds,
  log: createLog({ level: 'error' }),
  history: { events: Number(events), bytes: 8 * 1024 * 1024 },
});
process.once('SIGTERM', () => {
  void server.close();
});
process.stdout.write(`${JSON.stringify({ ...server, kubeconfig: server.kubeconfig() })}\n`);
