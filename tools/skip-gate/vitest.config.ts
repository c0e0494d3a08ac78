import { defineConfig } from 'vitest/config'

/** What the gate's own test runs it over. */
export default defineConfig({
  test: { include: ['*.fixture.ts'], reporters: ['../skip-gate.ts'] },
})
