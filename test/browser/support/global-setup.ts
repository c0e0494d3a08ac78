import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { buildWeb } from '../../../tools/build-web.ts'

declare module 'vitest' {
  interface ProvidedContext {
    chromium: string | null
  }
}

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'] as const

/** Builds the pages, and finds a browser: TELEPORT_TEST_CHROMIUM, else one on the PATH. */
export default async function setup(project: TestProject): Promise<void> {
  const chromium = findChromium()
  project.provide('chromium', chromium)
  if (chromium !== null) await buildWeb()
}

function findChromium(): string | null {
  const named = process.env['TELEPORT_TEST_CHROMIUM']
  if (named !== undefined) return named
  const candidates = (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((directory) => NAMES.map((name) => join(directory, name)))
  return candidates.find((path) => existsSync(path)) ?? null
}
