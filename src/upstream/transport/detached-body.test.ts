import { PassThrough, Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { detachedBody } from './detached-body.ts'

async function text(stream: Readable): Promise<string> {
  return Buffer.concat(await stream.toArray()).toString()
}

describe('detachedBody', () => {
  test('passes what the source has', async () => {
    const source = Readable.from([Buffer.from('a'), Buffer.from('b')])
    expect(await text(detachedBody(source))).toBe('ab')
  })

  test('of a source that has ended already is empty', async () => {
    const source = new PassThrough()
    source.end()
    await source.resume().toArray()
    expect(await text(detachedBody(source))).toBe('')
  })

  test('destroyed, leaves the source alive and without its listeners', async () => {
    const source = new PassThrough()
    const view = detachedBody(source)
    source.write('a')
    await new Promise((resolve) => view.once('data', resolve))
    view.destroy()
    await new Promise((resolve) => view.once('close', resolve))
    expect(source.destroyed).toBe(false)
    expect(source.isPaused()).toBe(true)
    expect(['data', 'end', 'error'].map((event) => source.listenerCount(event))).toEqual([0, 0, 0])
    source.end('b')
    expect(await text(source)).toBe('b')
  })

  test('does not read ahead of its reader', async () => {
    let produced = 0
    const source = new Readable({
      read() {
        produced += 16_384
        this.push(Buffer.alloc(16_384))
      },
    })
    const view = detachedBody(source)
    view.read(0)
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(produced).toBeLessThan(512 * 1024)
    view.destroy()
    source.destroy()
  })

  test.each([
    ['fails', (source: Readable) => source.destroy(new Error('gone'))],
    ['closes early', (source: Readable) => source.destroy()],
  ])('of a source that %s is ABORTED', async (_what, end) => {
    const source = new PassThrough()
    const view = detachedBody(source)
    view.resume()
    const error = new Promise((resolve) => view.once('error', resolve))
    end(source)
    expect(await error).toMatchObject({ code: 'ABORTED' })
  })

  test('of a source that was destroyed before is ABORTED', async () => {
    const source = new PassThrough()
    source.destroy()
    const view = detachedBody(source)
    expect(await new Promise((resolve) => view.once('error', resolve))).toMatchObject({
      code: 'ABORTED',
    })
  })
})
