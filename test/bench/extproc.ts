/**
 * Exchanges per second of processor time through ext_proc, with Envoy's message flow: ours and the upstream endpoint picker on the same
 * load, in turns. `node test/bench/extproc.ts [--seconds 5] [--rounds 3] [--only headgate] [--profile DIR] [--node-option=O] [--sizes 1,108,220] [--warm-up 10000]`
 */
import { parseArgs } from 'node:util';
import { createRandom } from '../../src/simulator/random.ts';
import { startLoad, type Flow } from './extprocload.ts';
import { startMetricsPages } from './metricspages.ts';
import { findUpstreamPicker, ourPickerUnder, startPicker, startPool } from './pickers.ts';
import { cpuSecondsOf, residentBytesOf } from './processes.ts';

interface PickerProcess {
  readonly name: 'headgate' | 'upstream';
  readonly pid: number;
  /** Of its ext_proc service. */
  readonly url: string;
  stop(): Promise<void>;
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    profile: { type: 'string' },
    'node-option': { type: 'string', multiple: true, default: [] },
    sizes: { type: 'string', default: '1,108,220' },
    'warm-up': { type: 'string', default: '10000' },
    flows: { type: 'string', default: 'duplex,16 KB pieces,buffered' },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);

const flows: readonly Flow[] = [
  { name: 'duplex', mode: 'FULL_DUPLEX_STREAMED' },
  { name: '16 KB pieces', mode: 'FULL_DUPLEX_STREAMED', pieceBytes: 16 * 1024 },
  { name: 'buffered', mode: 'BUFFERED' },
];

/** Requests of this size: one of ten beginnings that fill half of it, then words of their own, and here and there a line's end. */
function bodiesOf(kilobytes: number): Buffer[] {
  const text = (bytes: number, seed: number): string => {
    const random = createRandom(seed);
    let words = '';
    while (words.length < bytes)
      words += `${random.next().toString(36).slice(2, 8)}${random.next() < 0.05 ? '\n' : ' '}`;
    return words;
  };
  const half = kilobytes * 500 - 50;
  return Array.from({ length: 50 }, (_, at) => {
    const messages = [
      { role: 'system', content: text(half, at % 10) },
      { role: 'user', content: text(half, 1000 + at) },
    ];
    return Buffer.from(JSON.stringify({ model: 'm', messages, max_tokens: 50 }));
  });
}

/** Upstream knows duplex mode only: it answers headers after the body, which a buffering Envoy sends only after that answer. */
const offers = ({ name }: PickerProcess, { mode }: Flow): boolean => name === 'headgate' || mode !== 'BUFFERED';

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Keeps the picker busy until so many exchanges are over: compilers and caches are warm after a number of requests, not of seconds. */
async function warmUp(picker: PickerProcess, flow: Flow, bodies: readonly Buffer[], exchanges: number): Promise<void> {
  const load = startLoad(picker.url, { flow, bodies, connections: 4, callsPerConnection: 8 });
  while (load.done < exchanges && !load.failed) await wait(50);
  await load.stop();
}

/** Exchanges per second of processor time, and per second. */
async function measure(
  picker: PickerProcess,
  flow: Flow,
  bodies: readonly Buffer[],
): Promise<[cpu: number, wall: number]> {
  const load = startLoad(picker.url, { flow, bodies, connections: 4, callsPerConnection: 8 });
  while (load.done < 200 && !load.failed) await wait(20);
  const [startedCpu, startedDone, startedMs] = [await cpuSecondsOf(picker.pid), load.done, performance.now()];
  await wait(seconds * 1_000);
  const cpu = (await cpuSecondsOf(picker.pid)) - startedCpu;
  const done = load.done - startedDone;
  const wall = (performance.now() - startedMs) / 1_000;
  await load.stop();
  return [done / cpu, done / wall];
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0;

// Scraping costs by time and not by request: at the default of 50 ms a loaded machine would measure mostly that, of both.
const flags = ['--secure-serving=false', '--refresh-metrics-interval=1s'];
const pages = await startMetricsPages(8);
const pool = await startPool(pages.addresses, pages.port);
const pickers: PickerProcess[] = [];
const start = async (name: PickerProcess['name'], command: readonly [string, ...string[]]): Promise<void> => {
  const picker = await startPicker(command, pool, pages.addresses.length, flags);
  pickers.push({ name, pid: picker.pid, url: `http://127.0.0.1:${picker.grpcPort}`, stop: () => picker.stop() });
};
try {
  if (values.only !== 'upstream') {
    const profile = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
    await start('headgate', ourPickerUnder([...values['node-option'], ...profile]));
  }
  const binary = values.only === 'headgate' ? undefined : findUpstreamPicker();
  if (binary !== undefined) await start('upstream', [binary]);
  else if (values.only !== 'headgate')
    console.error('without the upstream picker: test/tools/epp/build cannot build it here');
  for (const picker of pickers) {
    for (const flow of flows) {
      if (offers(picker, flow)) await warmUp(picker, flow, bodiesOf(1), Number(values['warm-up']));
    }
  }
  console.log('Exchanges per second of processor time (per second); median round\n');
  console.log(
    `| Body | Flow | ${pickers.map(({ name }) => name).join(' | ')} | ratio |\n|--:|---|${'--:|'.repeat(pickers.length + 1)}`,
  );
  for (const kilobytes of values.sizes.split(',').map(Number)) {
    const bodies = bodiesOf(kilobytes);
    for (const flow of flows.filter(({ name }) => values.flows.split(',').includes(name))) {
      if (flow.pieceBytes !== undefined && flow.pieceBytes >= kilobytes * 1_000) continue;
      const results = pickers.map(() => [] as [number, number][]);
      for (let round = 0; round < rounds; round += 1) {
        for (const [at, picker] of pickers.entries()) {
          if (!offers(picker, flow)) continue;
          results[at]?.push(await measure(picker, flow, bodies));
        }
      }
      const cells = results.map((of) =>
        of.length === 0
          ? 'not offered'
          : `${median(of.map(([cpu]) => cpu)).toFixed(0)} (${median(of.map(([, wall]) => wall)).toFixed(0)})`,
      );
      const [ours, theirs] = results.map((of) => median(of.map(([cpu]) => cpu)));
      const ratio = ours && theirs ? (ours / theirs).toFixed(1) : '';
      console.log(`| ${kilobytes} KB | ${flow.name} | ${cells.join(' | ')} | ${ratio} |`);
    }
  }
  for (const picker of pickers) {
    console.log(
      `\n${picker.name}: ${((await residentBytesOf(picker.pid)) / 2 ** 20).toFixed(0)} MiB resident afterwards`,
    );
  }
} finally {
  for (const picker of pickers) await picker.stop();
  await pool.close();
  pages.close();
}
