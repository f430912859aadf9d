import { defineConfig } from 'vitest/config';

const report = process.env['HEADGATE_TEST_REPORT'];

/** Suites that start whole systems of many processes: they run after the others, one at a time, so that none starves another. */
const wholeSystems = ['test/e2e/**/*.test.ts', 'test/conformance/**/*.test.ts'];

export default defineConfig({
  test: {
    // Real processes and servers are started by many suites: two cores want a patient clock, never a sleep.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    projects: [
      {
        extends: true,
        test: {
          name: 'rooms',
          include: ['test/**/*.test.ts'],
          exclude: wholeSystems,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'systems', include: wholeSystems, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
