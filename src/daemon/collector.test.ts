import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const collector = new URL('./collector.ts', import.meta.url).href

/** A gigabyte of buffers that nobody keeps, beside a heap that somebody does. */
const mover = `
  import { setImmediate } from 'node:timers/promises'
  if (process.argv[1] === 'tuned') (await import(${JSON.stringify(collector)})).tuneCollector()
  let full = 0
  new PerformanceObserver((list) => {
    full += list.getEntries().filter(({ detail }) => detail.kind === 4).length
  }).observe({ entryTypes: ['gc'] })
  const kept = Array.from({ length: 300_000 }, (_, index) => ({ index }))
  for (let count = 0; count < 16 * 1024; count += 1) {
    new ArrayBuffer(64 * 1024)
    if (count % 256 === 0) await setImmediate()
  }
  await setImmediate()
  process.stdout.write(JSON.stringify({ full, kept: kept.length }))
`

const fullCollections = async (how: string): Promise<number> => {
  const args = ['--input-type=module', '-e', mover, how]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args)
  expect(stderr).not.toContain('unrecognized')
  return (JSON.parse(stdout) as { full: number }).full
}

it('collects everything less often while bytes are only moved', async () => {
  const [tuned, untuned] = await Promise.all([fullCollections('tuned'), fullCollections('untuned')])
  expect(untuned).toBeGreaterThanOrEqual(8)
  expect(tuned).toBeLessThanOrEqual(untuned / 2)
})
