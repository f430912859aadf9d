import { expect, test } from 'vitest';
import { createPartLog } from '../../src/app/partlog.ts';
import { createLog } from '../../src/telemetry/log.ts';

interface Line {
  msg: string;
  level: number;
  object?: string;
}

function startPart(level: 'warn' | 'debug') {
  const main: Line[] = [];
  const write = (line: string): void => {
    main.push(JSON.parse(line) as Line);
  };
  return { main, ...createPartLog(createLog({ level, destination: { write } })) };
}

const read = (output: { read(): unknown }): string[] =>
  String((output.read() as Buffer | null) ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as Line).msg);

test('lines wait for their reader, and come from level info on whatever the level of the process', () => {
  const { main, log, part } = startPart('warn');
  log.info({ object: 'default/qwen3' }, 'told before anybody read');
  log.debug('not told');
  const output = part.output();
  log.info('told at once');
  expect(read(output)).toEqual(['told before anybody read', 'told at once']);
  log.warn({ object: 'default/qwen3' }, 'told to both');
  expect(read(output)).toEqual(['told to both']);
  expect(main).toMatchObject([{ msg: 'told to both', object: 'default/qwen3', level: 40 }]);
});

test('the process hears what its own level asks for', () => {
  const { main, log } = startPart('debug');
  log.debug('detail');
  log.error({ err: new Error('broken') }, 'failed');
  expect(main.map(({ msg }) => msg)).toEqual(['detail', 'failed']);
});

test('a reader that has ended gets nothing more, and the next one goes on', async () => {
  const { log, part } = startPart('warn');
  const first = part.output();
  first.resume().end();
  await new Promise((resolve) => first.once('close', resolve));
  log.info('between');
  expect(read(part.output())).toEqual(['between']);
});

test('what nobody reads does not pile up', () => {
  const { log, part } = startPart('warn');
  for (let i = 0; i < 5_000; i += 1) log.info(`line ${String(i)}`);
  const lines = read(part.output());
  expect(lines).toHaveLength(1_000);
  expect(lines.at(-1)).toBe('line 4999');
});
