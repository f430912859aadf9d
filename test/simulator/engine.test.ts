import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createVirtualClock } from '../../src/simulator/clock.ts';
import type { JobTiming } from '../../src/llm/server/metrics.ts';
import { createEngine, type Engine, type EngineSettings } from '../../src/simulator/engine.ts';
import { jitter, loadFactor, type LatencySettings } from '../../src/simulator/latency.ts';
import { createPrefixCache } from '../../src/simulator/prefixcache.ts';
import { createRandom } from '../../src/simulator/random.ts';
import { echoText, randomText, simulatedPrefix, tokenize } from '../../src/simulator/text.ts';

const noLatency: LatencySettings = {
  calculator: '',
  timeToFirstToken: 0,
  timeToFirstTokenStdDev: 0,
  interTokenLatency: 0,
  interTokenLatencyStdDev: 0,
  prefillOverhead: 0,
  prefillTimePerToken: 0,
  prefillTimeStdDev: 0,
  kvCacheTransferLatency: 0,
  kvCacheTransferLatencyStdDev: 0,
  kvCacheTransferTimePerToken: 0,
  kvCacheTransferTimeStdDev: 0,
  timeFactorUnderLoad: 1,
};

function simulate(latency: Partial<LatencySettings>, settings: Partial<EngineSettings> = {}, cacheBlocks = 0) {
  const clock = createVirtualClock();
  const engine = createEngine({
    settings: { maxNumSeqs: 5, maxWaitingQueueLength: 1000, maxLoras: 1, ...settings },
    latency: () => ({ ...noLatency, ...latency }),
    clock,
    random: createRandom(1),
    cache: cacheBlocks > 0 ? createPrefixCache(cacheBlocks, 16) : undefined,
  });
  return { clock, engine };
}

interface Run {
  timing: JobTiming | undefined;
  tokenTimes: number[];
  handle: { cancel: () => void } | undefined;
}

const prompt = (tokens: number, word = 'w'): string[] =>
  Array.from({ length: tokens }, (_, i) => `${word}${String(i)} `);

function submit(
  { engine, clock }: ReturnType<typeof simulate>,
  job: { prompt?: number; output?: number; lora?: string; remote?: boolean; tokens?: string[] } = {},
): Run {
  const run: Run = { timing: undefined, tokenTimes: [], handle: undefined };
  run.handle = engine.submit({
    model: 'm',
    lora: job.lora,
    promptTokens: job.tokens ?? prompt(job.prompt ?? 10),
    outputTokens: job.output ?? 3,
    remotePrefill: job.remote ?? false,
    onTokens: (count) => {
      for (let i = 0; i < count; i++) run.tokenTimes.push(clock.now());
    },
    onDone: (timing) => (run.timing = timing),
  });
  return run;
}

const state = (engine: Engine) => {
  const { running, waiting } = engine.load();
  return { running, waiting };
};

describe('latency', () => {
  it.each([
    ['constant TTFT and ITL', { timeToFirstToken: 100, interTokenLatency: 10 }, {}, [100, 110, 120]],
    ['per-token prefill', { prefillOverhead: 20, prefillTimePerToken: 2, interTokenLatency: 5 }, {}, [40, 45, 50]],
    [
      'TTFT wins over per-token when the calculator is unset',
      { timeToFirstToken: 7, prefillOverhead: 99 },
      {},
      [7, 7, 7],
    ],
    [
      'per-token calculator ignores TTFT',
      { calculator: 'per-token', timeToFirstToken: 7, prefillOverhead: 9 },
      {},
      [9, 9, 9],
    ],
    ['remote prefill, constant', { timeToFirstToken: 100, kvCacheTransferLatency: 3 }, { remote: true }, [3, 3, 3]],
    [
      'remote prefill, per token',
      { timeToFirstToken: 100, kvCacheTransferTimePerToken: 4 },
      { remote: true },
      [40, 40, 40],
    ],
    ['one running request is not slowed by load', { timeToFirstToken: 10, timeFactorUnderLoad: 3 }, {}, [10, 10, 10]],
  ] as const)('%s', (_, latency, job, times) => {
    const simulation = simulate(latency);
    const run = submit(simulation, { prompt: 10, ...job });
    simulation.clock.advance(1000);
    expect(run.tokenTimes).toEqual(times);
  });

  it.each([
    [1, 5, 1],
    [3, 5, 1.5],
    [5, 5, 2],
    [1, 1, 1],
  ])('load factor with %i of %i slots busy is %d when full load doubles', (running, slots, factor) => {
    expect(loadFactor(2, running, slots)).toBe(factor);
  });

  it('full load multiplies every time, but not a remote prefill', () => {
    const simulation = simulate(
      { timeToFirstToken: 100, interTokenLatency: 10, kvCacheTransferLatency: 30, timeFactorUnderLoad: 3 },
      { maxNumSeqs: 2 },
    );
    submit(simulation, { output: 1000 });
    const loaded = submit(simulation, { output: 2 });
    simulation.clock.advance(300);
    expect(loaded.tokenTimes).toEqual([300]);
    simulation.clock.advance(30);
    expect(loaded.tokenTimes).toEqual([300, 330]);
    const remote = submit(simulation, { output: 1, remote: true });
    simulation.clock.advance(30);
    expect(remote.tokenTimes).toEqual([360]);
  });

  it('jitter stays within 70 % of the mean, in whole milliseconds', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (seed, mean, share) => {
          const value = jitter(mean, mean * share, createRandom(seed));
          expect(value).toBeGreaterThanOrEqual(Math.trunc(0.3 * mean));
          expect(value).toBeLessThanOrEqual(1.7 * mean);
          expect(Number.isInteger(value)).toBe(true);
        },
      ),
    );
  });

  it('jitter varies around the mean', () => {
    const random = createRandom(7);
    const samples = Array.from({ length: 2000 }, () => jitter(100, 20, random));
    const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
    expect(mean).toBeGreaterThan(97);
    expect(mean).toBeLessThan(102);
    expect(new Set(samples).size).toBeGreaterThan(50);
  });
});

describe('slots and queue', () => {
  it('runs as many as there are slots, queues the rest in order, and refuses beyond the queue', () => {
    const simulation = simulate({ timeToFirstToken: 10 }, { maxNumSeqs: 2, maxWaitingQueueLength: 2 });
    const runs = Array.from({ length: 4 }, () => submit(simulation));
    expect(state(simulation.engine)).toEqual({ running: 2, waiting: 2 });
    expect(submit(simulation).handle).toBeUndefined();
    simulation.clock.advance(10);
    expect(state(simulation.engine)).toEqual({ running: 2, waiting: 0 });
    simulation.clock.advance(10);
    expect(runs.map(({ timing }) => timing?.startedAt)).toEqual([0, 0, 10, 10]);
    expect(runs.map(({ timing }) => timing?.doneAt)).toEqual([10, 10, 20, 20]);
    expect(state(simulation.engine)).toEqual({ running: 0, waiting: 0 });
  });

  it('a cancelled request gives its slot to the next at once, and a queued one leaves the queue', () => {
    const simulation = simulate({ timeToFirstToken: 1000 }, { maxNumSeqs: 1 });
    const first = submit(simulation);
    const second = submit(simulation);
    const third = submit(simulation);
    second.handle?.cancel();
    expect(state(simulation.engine)).toEqual({ running: 1, waiting: 1 });
    simulation.clock.advance(1);
    first.handle?.cancel();
    first.handle?.cancel();
    expect(state(simulation.engine)).toEqual({ running: 1, waiting: 0 });
    simulation.clock.advance(1000);
    expect(third.timing).toMatchObject({ startedAt: 1, doneAt: 1001 });
    expect([first.timing, second.timing]).toEqual([undefined, undefined]);
  });

  it('an adapter without room waits and does not hold up others', () => {
    const simulation = simulate({ timeToFirstToken: 10 }, { maxNumSeqs: 3, maxLoras: 1 });
    submit(simulation, { lora: 'a' });
    submit(simulation, { lora: 'b' });
    submit(simulation, { lora: 'a' });
    submit(simulation);
    expect(simulation.engine.load()).toMatchObject({
      running: 3,
      waiting: 1,
      runningLoras: ['a'],
      waitingLoras: ['b'],
    });
    simulation.clock.advance(10);
    expect(simulation.engine.load()).toMatchObject({ running: 1, waiting: 0, runningLoras: ['b'] });
  });

  it('never runs more than its slots and ends every request, whatever comes', () => {
    const jobs = fc.array(
      fc.record({
        delay: fc.integer({ min: 0, max: 30 }),
        output: fc.integer({ min: 1, max: 10 }),
        lora: fc.constantFrom(undefined, 'a', 'b', 'c'),
        cancel: fc.boolean(),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(jobs, fc.integer({ min: 1, max: 4 }), (list, maxNumSeqs) => {
        const simulation = simulate({ timeToFirstToken: 5, interTokenLatency: 3 }, { maxNumSeqs, maxLoras: 2 }, 20);
        const runs = list.map(({ delay, output, lora, cancel }) => {
          simulation.clock.advance(delay);
          const run = submit(simulation, { output, ...(lora === undefined ? {} : { lora }), prompt: 40 });
          const load = simulation.engine.load();
          expect(load.running).toBeLessThanOrEqual(maxNumSeqs);
          expect(load.runningLoras.length).toBeLessThanOrEqual(2);
          expect(load.kvCacheUsage).toBeLessThanOrEqual(1);
          if (cancel) run.handle?.cancel();
          return { run, output, cancel };
        });
        simulation.clock.advance(100_000);
        expect(simulation.engine.load()).toMatchObject({ running: 0, waiting: 0, kvCacheUsage: 0 });
        for (const { run, output, cancel } of runs) if (!cancel) expect(run.tokenTimes).toHaveLength(output);
      }),
    );
  });
});

describe('prefix cache', () => {
  it('makes the first token of a shared prompt come sooner, and only of the same model', () => {
    const simulation = simulate({ prefillTimePerToken: 1 }, {}, 100);
    const cold = submit(simulation, { prompt: 64 });
    simulation.clock.advance(100);
    const warm = submit(simulation, { tokens: [...prompt(64), ...prompt(16, 'other')] });
    simulation.clock.advance(100);
    expect(cold.timing?.firstTokenAt).toBe(64);
    expect(warm.timing).toMatchObject({ cachedTokens: 64, startedAt: 100, firstTokenAt: 116 });
    expect(createPrefixCache(10, 16).acquire('x', prompt(64)).cachedTokens).toBe(0);
  });

  it('counts blocks of running requests as used, and forgets the least recently used first', () => {
    const cache = createPrefixCache(4, 16);
    const first = cache.acquire('m', prompt(32, 'a'));
    const second = cache.acquire('m', prompt(32, 'b'));
    expect(cache.usage()).toBe(1);
    expect(cache.acquire('m', prompt(16, 'c')).cachedTokens).toBe(0); // No room: nothing is stored.
    first.release();
    first.release();
    expect(cache.usage()).toBe(0.5);
    second.release();
    cache.acquire('m', prompt(32, 'a')).release();
    cache.acquire('m', prompt(16, 'd')).release(); // Takes the place of b's last block.
    expect(cache.acquire('m', prompt(32, 'a')).cachedTokens).toBe(32);
    expect(cache.acquire('m', prompt(32, 'b')).cachedTokens).toBe(16);
  });

  it('keeps models apart, ignores the incomplete last block, and does not match a middle', () => {
    const cache = createPrefixCache(100, 16);
    cache.acquire('m', prompt(40)).release();
    expect(cache.acquire('m', prompt(40)).cachedTokens).toBe(32);
    expect(cache.acquire('n', prompt(40)).cachedTokens).toBe(0);
    expect(cache.acquire('m', prompt(40).slice(16)).cachedTokens).toBe(0);
  });
});

describe('text', () => {
  const generation = { maxTokens: 100, minTokens: 0, ignoreEos: false, stop: [] };

  it('tokens join to the text again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(tokenize(text).join('')).toBe(text);
      }),
    );
  });

  it('says that it is simulated, even in one token, and keeps to its bounds', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 200 }), fc.boolean(), (seed, maxTokens, ignoreEos) => {
        const { tokens, finishReason } = randomText({ ...generation, maxTokens, ignoreEos }, createRandom(seed));
        expect(tokens[0]).toBe(simulatedPrefix);
        expect(tokens.length).toBeLessThanOrEqual(maxTokens);
        if (ignoreEos) expect([tokens.length, finishReason]).toEqual([maxTokens, 'length']);
      }),
    );
  });

  it('is the same for the same seed', () => {
    expect(randomText(generation, createRandom(5))).toEqual(randomText(generation, createRandom(5)));
    expect(randomText(generation, createRandom(5))).not.toEqual(randomText(generation, createRandom(6)));
  });

  it('echoes, cuts at the limit and before a stop sequence', () => {
    expect(echoText('one two three', generation)).toEqual({ tokens: ['one ', 'two ', 'three'], finishReason: 'stop' });
    expect(echoText('one two three', { ...generation, maxTokens: 2 }).finishReason).toBe('length');
    expect(echoText('one two three', { ...generation, stop: ['two'] })).toEqual({
      tokens: ['one '],
      finishReason: 'stop',
    });
  });
});
