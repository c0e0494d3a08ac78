import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Announcement,
  formatAnnouncement,
  LineReader,
  parseAnnouncement,
} from './announcement.ts'

const most = { maxNames: 3 }
const one: Announcement = {
  version: '1.2.3',
  names: [{ serverName: 'k-x', certificate: Buffer.from([1, 2, 3]), healthy: true }],
}

describe('announcements', () => {
  it('are read as they were written', () => {
    const line = formatAnnouncement(one)
    expect(line.endsWith('\n')).toBe(true)
    expect(parseAnnouncement(line.trimEnd(), most)).toEqual(one)
  })

  it.each([
    ['', 'not JSON'],
    ['[]', 'shape'],
    ['null', 'shape'],
    ['{"v":2,"version":"1","names":[]}', 'version'],
    ['{"v":1,"version":7,"names":[]}', 'version'],
    [`{"v":1,"version":"${'9'.repeat(65)}","names":[]}`, 'version'],
    ['{"v":1,"version":"1"}', 'names are missing'],
    ['{"v":1,"version":"1","names":[1]}', 'shape'],
    ['{"v":1,"version":"1","names":[{"name":"","certificate":"","healthy":true}]}', 'server name'],
    ['{"v":1,"version":"1","names":[{"name":"k","certificate":"","healthy":1}]}', 'health'],
    ['{"v":1,"version":"1","names":[{"name":"k","healthy":true}]}', 'certificate'],
    ['{"v":1,"version":"1","names":[{},{},{},{}]}', 'more than 3 names'],
  ])('%s is refused', (line, why) => {
    expect(() => parseAnnouncement(line, most)).toThrow(
      expect.objectContaining({
        code: 'TUNNEL_ANNOUNCEMENT_INVALID',
        message: expect.stringContaining(why),
      }),
    )
  })
})

describe('LineReader', () => {
  it('gives the same lines however the bytes are split', () => {
    const text = 'one\n\nthree is longer\nand the rest'
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
        const reader = new LineReader(100)
        const at = [0, ...cuts.toSorted((a, b) => a - b), text.length]
        const lines = at
          .slice(1)
          .flatMap((end, index) => reader.push(Buffer.from(text.slice(at[index], end))))
        expect(lines).toEqual(['one', '', 'three is longer'])
      }),
    )
  })

  it('refuses a line that does not end, at the first byte too much', () => {
    const reader = new LineReader(4)
    expect(reader.push(Buffer.from('1234\n1234'))).toEqual(['1234'])
    expect(() => reader.push(Buffer.from('5'))).toThrow(/more than 4 bytes/)
  })

  it('keeps a line that comes byte by byte in few pieces', () => {
    const bytes = 256 * 1024
    const reader = new LineReader(bytes)
    for (let sent = 0; sent < bytes; sent += 1) reader.push(Buffer.from('x'))
    expect(reader.pieces).toBeLessThan(100)
    expect(reader.push(Buffer.from('\n'))).toEqual(['x'.repeat(bytes)])
  })
})
