import { startMemoryRelease } from '../../src/app/memoryrelease.ts';
import { startApiServer } from '../../src/apiserver/server.ts';
import { allKinds } from '../../src/kinds/registry.ts';
import { createLog } from '../../src/telemetry/log.ts';

/** The embedded API in a process of its own, for api.ts: it prints where it is, and stops on SIGTERM. */
const server = await startApiServer({
  dataDir: process.argv[2] ?? '',
  kinds: allKinds,
  log: createLog({ level: 'warn' }),
});
// As `headgate up` does.
const release = startMemoryRelease();
process.once('SIGTERM', () => {
  release.stop();
  void server.close();
});
process.stdout.write(`${JSON.stringify(server)}\n`);
