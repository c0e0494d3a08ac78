import { defineConfig } from 'vitest/config'
import { LongestFirst } from './tools/longest-first.ts'

/** Slow machines are no reason to fail; timing is never what a test asserts. */
const PATIENT_MS = 60_000
/** Files at once, where vitest would leave a processor of two to itself. */
const maxWorkers = 2
/** For states that are bound to come. */
const poll = { timeout: 30_000 }

export default defineConfig({
  test: {
    reporters: ['default', './tools/slowest-files.ts', './tools/skip-gate.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          expect: { poll },
          maxWorkers,
          include: ['src/**/*.test.ts', 'tools/**/*.test.ts', 'web/src/**/*.test.ts'],
          testTimeout: PATIENT_MS,
        },
      },
      {
        test: {
          name: 'conformance',
          expect: { poll },
          maxWorkers,
          include: ['test/conformance/**/*.test.ts'],
          testTimeout: PATIENT_MS,
        },
      },
      {
        test: {
          name: 'integration',
          expect: { poll },
          maxWorkers,
          include: ['test/integration/**/*.test.ts'],
          // Some start a dozen processes, and wait for several states one after the other.
          testTimeout: 4 * PATIENT_MS,
          hookTimeout: 4 * PATIENT_MS,
        },
      },
      {
        test: {
          name: 'e2e',
          expect: { poll },
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/support/global-setup.ts'],
          testTimeout: 10 * 60_000,
          hookTimeout: 5 * 60_000,
          // They wait more than they work, each with daemons and namespaces of its own; more would make a small machine miss deadlines.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'browser',
          expect: { poll },
          include: ['test/browser/**/*.test.ts'],
          globalSetup: ['test/browser/support/global-setup.ts', 'test/e2e/support/global-setup.ts'],
          testTimeout: 2 * PATIENT_MS,
          hookTimeout: 2 * PATIENT_MS,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
