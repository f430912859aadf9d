import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { eppFlags } from '../../src/extproc/eppflags.ts';
import { simulatorFlags } from '../../src/simulator/flags.ts';
import { bin } from '../e2e/headgate.ts';
import { run } from '../e2e/kubectl.ts';

const cli = (...args: string[]) => run(process.execPath, [bin, ...args], { timeoutMs: 120_000 });
const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

describe('the command line', () => {
  it('lists all commands, those that are programs of pods among them', async () => {
    const { code, stdout } = await cli('--help');
    expect(code).toBe(0);
    for (const command of ['up', 'explain', 'requests', 'epp', 'bbr', 'simulator', 'llamacpp', 'completion']) {
      expect(stdout).toMatch(new RegExp(`^  ${command}\\b.*\\S`, 'm'));
    }
  });

  it.each([
    ['epp', Object.keys(eppFlags)],
    ['simulator', Object.keys(simulatorFlags)],
  ])('tells all flags of %s', async (program, flags) => {
    const { code, stdout } = await cli(program, '--help');
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: headgate ${program} \\[flags\\]`));
    const told = [...stdout.matchAll(/^ {2}--(\S+)/gm)].map(([, name]) => name);
    expect(told).toEqual(flags);
    expect((await cli('help', program)).stdout).toBe(stdout);
  });

  it('says what is wrong in a line, and where help is', async () => {
    const { code, stdout, stderr } = await cli('up', '--data-dri', 'x');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.trim().split('\n')).toEqual([
      "error: unknown option '--data-dri'",
      '(Did you mean --data-dir?)',
      'Use --help for the commands and flags there are.',
    ]);
  });

  it.each(['bash', 'zsh', 'fish'])('prints a script for %s that the shell takes', async (shell) => {
    const { code, stdout } = await cli('completion', shell);
    expect(code).toBe(0);
    expect(stdout).toContain('explain');
    if (!has(shell)) return;
    expect(spawnSync(shell, ['-n'], { input: stdout }).status).toBe(0);
  });

  it('completes commands and flags in bash', async () => {
    const { stdout } = await cli('completion', 'bash');
    const complete = (words: string[]): string[] => {
      const script = `${stdout}\nCOMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _headgate; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim().split('\n');
    };
    expect(complete(['headgate', 'exp'])).toEqual(['explain']);
    expect(complete(['headgate', 'up', '--data'])).toEqual(['--data-dir']);
    expect(complete(['headgate', 'epp', '--pool-na'])).toEqual(['--pool-name', '--pool-namespace']);
  });

  it('ends a start that fails, with one line and code 1', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'headgate-failing-'));
    try {
      const file = path.join(directory, 'typo.yaml');
      await writeFile(file, 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndaat: {}\n');
      const dataDir = path.join(directory, 'data');
      const { code, stderr } = await cli('up', '--data-dir', dataDir, '-f', file);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^error: .*typo\.yaml:1: a: .*unknown field "daat"\n$/);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
