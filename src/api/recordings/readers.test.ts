import { describe, expect, it } from 'vitest'
import { RECORDING_READ_MS } from '../limits.ts'
import { RecordingReaders } from './readers.ts'

class Readings {
  nowMs = 1_000_000
  told = 0
  readonly #readers = new RecordingReaders({ now: () => this.nowMs })

  read(index: number, work: () => Promise<void> = async () => {}): Promise<void> {
    return this.#readers.note('rita', 'one', index, async () => {
      await work()
      this.told += 1
    })
  }
}

describe('who reads a recording', () => {
  it.each([[[0, 1, 2]], [[2, 0, 1]], [[1, 2, 0]]])(
    'is told once, when pieces %j are asked for at once',
    async (pieces) => {
      const readings = new Readings()
      await Promise.all(pieces.map((index) => readings.read(index)))
      expect(readings.told).toBe(1)
    },
  )

  it('is told once, when pieces come one after the other', async () => {
    const readings = new Readings()
    for (const index of [0, 1, 2]) await readings.read(index)
    expect(readings.told).toBe(1)
  })

  it('is told anew when he begins anew', async () => {
    const readings = new Readings()
    for (const index of [0, 1, 0, 1]) await readings.read(index)
    for (const index of [1, 0, 0]) await readings.read(index)
    expect(readings.told).toBe(4)
  })

  it('is told anew after a while', async () => {
    const readings = new Readings()
    await readings.read(0)
    readings.nowMs += RECORDING_READ_MS + 1
    await readings.read(1)
    expect(readings.told).toBe(2)
    await readings.read(0)
    expect(readings.told).toBe(3)
  })

  it('gets no piece when he cannot be told, and is told the next time', async () => {
    const readings = new Readings()
    const fails = (): Promise<void> => Promise.reject(new Error('the disk is full'))
    const both = await Promise.allSettled([readings.read(0, fails), readings.read(1)])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await readings.read(1)
    expect(readings.told).toBe(1)
  })
})
