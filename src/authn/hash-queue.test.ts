import { describe, expect, it } from 'vitest'
import { HashQueue } from './hash-queue.ts'

/** Work that ends when it is told to. */
class Work {
  readonly started: string[] = []
  readonly #ends = new Map<string, () => void>()
  run = (name: string) => (): Promise<string> => {
    this.started.push(name)
    return new Promise((resolve) => this.#ends.set(name, () => resolve(name)))
  }
  end(name: string): void {
    this.#ends.get(name)?.()
  }
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('HashQueue', () => {
  it('runs so many at once and the others in their order', async () => {
    const work = new Work()
    const queue = new HashQueue({ running: 2, waiting: 2, perKey: 9 })
    const all = ['a', 'b', 'c', 'd'].map((name) => queue.run(name, work.run(name)))
    await turn()
    expect(work.started).toEqual(['a', 'b'])
    await expect(queue.run('e', work.run('e'))).rejects.toMatchObject({ code: 'HASHING_BUSY' })
    work.end('b')
    await turn()
    expect(work.started).toEqual(['a', 'b', 'c'])
    for (const name of ['a', 'c']) work.end(name)
    await turn()
    work.end('d')
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('refuses who has enough in line, and takes others', async () => {
    const work = new Work()
    const queue = new HashQueue({ running: 1, waiting: 9, perKey: 2 })
    const first = queue.run('eve', work.run('1'))
    const second = queue.run('eve', work.run('2'))
    await expect(queue.run('eve', work.run('3'))).rejects.toMatchObject({ code: 'HASHING_BUSY' })
    const other = queue.run('joe', work.run('4'))
    for (const name of ['1', '2', '4']) {
      await turn()
      work.end(name)
    }
    expect(await Promise.all([first, second, other])).toEqual(['1', '2', '4'])
    const again = queue.run('eve', work.run('5'))
    await turn()
    work.end('5')
    expect(await again).toBe('5')
  })

  it('goes on after work that failed', async () => {
    const queue = new HashQueue({ running: 1, waiting: 1, perKey: 1 })
    const failing = queue.run('a', () => Promise.reject(new Error('broken')))
    await expect(failing).rejects.toThrow('broken')
    expect(await queue.run('a', async () => 'well')).toBe('well')
  })
})
