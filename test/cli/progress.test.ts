import { afterEach, describe, expect, it, vi } from 'vitest';
import { createProgress } from '../../src/cli/progress.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

function screen(isTTY: boolean, columns = 20) {
  const written: string[] = [];
  let clock = 0;
  const progress = createProgress({ isTTY, columns, write: (text) => written.push(text) }, () => clock);
  return {
    progress,
    text: () => written.join(''),
    wait: (ms: number) => {
      clock += ms;
    },
  };
}

describe('progress', () => {
  it('is one line that changes on a terminal, no longer than the terminal is wide', () => {
    vi.stubEnv('NO_COLOR', '1');
    const { progress, text } = screen(true);
    progress.doing('starting');
    progress.doing('waiting for 1000 objects and more');
    progress.say('Ready');
    expect(text()).toBe('  starting\r\u001B[K  waiting for 1000…\r\u001B[KReady\n');
  });

  it('shows a message where the terminal does not tell its width', () => {
    vi.stubEnv('NO_COLOR', '1');
    const { progress, text } = screen(true, 0);
    progress.doing('starting');
    expect(text()).toBe('  starting');
  });

  it('is in colour on a terminal, unless NO_COLOR is set', () => {
    vi.stubEnv('NO_COLOR', '');
    const colourful = screen(true);
    colourful.progress.warn('old');
    expect(colourful.text()).toBe('\u001B[33mWarning:\u001B[39m old\n');
    vi.stubEnv('NO_COLOR', '1');
    const plain = screen(true);
    plain.progress.warn('old');
    expect(plain.text()).toBe('Warning: old\n');
  });

  it('is plain lines elsewhere, and one a second of what changes all the time', () => {
    const { progress, text, wait } = screen(false);
    progress.doing('starting');
    progress.doing('waiting for a, b');
    wait(10);
    progress.doing('waiting for b');
    wait(1000);
    progress.doing('waiting for c');
    progress.say('Ready');
    expect(text()).toBe('  starting\n  waiting for a, b\n  waiting for c\nReady\n');
  });
});
