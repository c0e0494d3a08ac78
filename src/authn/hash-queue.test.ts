import { describe, expect, it } from 'vitest'
import { type Asker, HashQueue } from './hash-queue.ts'

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

const from = (address: string, network = address): Asker => ({ address, network })

describe('HashQueue', () => {
  it('runs so many at once and the others in their order', async () => {
    const work = new Work()
    const queue = new HashQueue({ running: 2, waiting: 2, perAddress: 9 })
    const all = ['a', 'b', 'c', 'd'].map((name) => queue.run(from(name), work.run(name)))
    await turn()
    expect(work.started).toEqual(['a', 'b'])
    await expect(queue.run(from('e'), work.run('e'))).rejects.toMatchObject({
      code: 'HASHING_BUSY',
    })
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
    const queue = new HashQueue({ running: 1, waiting: 9, perAddress: 2 })
    const first = queue.run(from('eve'), work.run('1'))
    const second = queue.run(from('eve'), work.run('2'))
    await expect(queue.run(from('eve'), work.run('3'))).rejects.toMatchObject({
      code: 'HASHING_BUSY',
    })
    const other = queue.run(from('joe'), work.run('4'))
    for (const name of ['1', '2', '4']) {
      await turn()
      work.end(name)
    }
    expect(await Promise.all([first, second, other])).toEqual(['1', '2', '4'])
    const again = queue.run(from('eve'), work.run('5'))
    await turn()
    work.end('5')
    expect(await again).toBe('5')
  })

  it('gives networks their turns, however many addresses they have', async () => {
    const work = new Work()
    const queue = new HashQueue({ running: 1, waiting: 9, perAddress: 9 })
    const names = ['e1', 'e2', 'e3', 'e4', 'j1', 'j2']
    const all = names.map((name) => queue.run(from(name, name.slice(0, 1)), work.run(name)))
    for (const name of ['e1', 'e2', 'j1', 'e3', 'j2', 'e4']) {
      await turn()
      work.end(name)
    }
    await Promise.all(all)
    expect(work.started).toEqual(['e1', 'e2', 'j1', 'e3', 'j2', 'e4'])
  })

  it('takes somebody into a full line in the place of the last of the network with the most', async () => {
    const work = new Work()
    const queue = new HashQueue({ running: 1, waiting: 4, perAddress: 8 })
    const flood = Array.from({ length: 5 }, (_, at) =>
      queue.run(from(`eve-${at}`, 'eve'), work.run(`eve-${at}`)),
    )
    const last = expect(flood.at(-1)).rejects.toMatchObject({ code: 'HASHING_BUSY' })
    const joe = queue.run(from('joe'), work.run('joe'))
    await last
    await expect(queue.run(from('eve-9', 'eve'), work.run('eve-9'))).rejects.toMatchObject({
      code: 'HASHING_BUSY',
    })
    for (const name of ['eve-0', 'eve-1', 'joe', 'eve-2', 'eve-3']) {
      await turn()
      work.end(name)
    }
    expect(await joe).toBe('joe')
    expect(await Promise.all(flood.slice(0, 4))).toHaveLength(4)
  })

  it('goes on after work that failed', async () => {
    const queue = new HashQueue({ running: 1, waiting: 1, perAddress: 1 })
    const failing = queue.run(from('a'), () => Promise.reject(new Error('broken')))
    await expect(failing).rejects.toThrow('broken')
    expect(await queue.run(from('a'), async () => 'well')).toBe('well')
  })
})
