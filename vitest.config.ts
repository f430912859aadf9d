import { defineConfig } from 'vitest/config';

const report = process.env['HEADGATE_TEST_REPORT'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real processes and servers are started by many suites: two cores want a patient clock, never a sleep.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
