import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Channel,
  channels,
  chooseChannelProtocol,
  formatChannelClose,
  formatChannelMessage,
  formatExitStatus,
  formatTerminalSize,
  parseChannelMessage,
  parseExitStatus,
  parseTerminalSize,
} from './index.ts'

const V4 = 'v4.channel.k8s.io'
const V5 = 'v5.channel.k8s.io'
const names = Object.keys(channels) as Channel[]

describe('a channel message', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.uint8Array(), (channel, data) => {
        const message = formatChannelMessage(channel, data)
        for (const protocol of [V4, V5] as const) {
          expect(parseChannelMessage(message, protocol)).toEqual({
            kind: 'data',
            channel,
            data: Buffer.from(data),
          })
        }
      }),
    )
  })

  it.each(names)('closes %s in v5, and means nothing in v4', (channel) => {
    const message = formatChannelClose(channel)
    expect(parseChannelMessage(message, V5)).toEqual({ kind: 'close', channel })
    expect(parseChannelMessage(message, V4)).toBeNull()
  })

  it.each(['', '05', 'ff', 'ff05', 'ff0000'])('%j is none', (hex) => {
    expect(parseChannelMessage(Buffer.from(hex, 'hex'), V5)).toBeNull()
  })
})

describe('the channel protocol', () => {
  it.each([
    [[V4, V5], V5],
    [[V4], V4],
    [['channel.k8s.io', V4], V4],
    [['channel.k8s.io'], null],
    [[], null],
  ])('of %j is %j', (offered, chosen) => {
    expect(chooseChannelProtocol(offered)).toBe(chosen)
  })
})

describe('an exit status', () => {
  it.each([0, 1, 3, 137, 255])('%i arrives', (exitCode) => {
    const status = { kind: 'exited', exitCode } as const
    expect(parseExitStatus(formatExitStatus(status))).toEqual(status)
  })

  it('says in words what kubectl shows', () => {
    expect(JSON.parse(formatExitStatus({ kind: 'exited', exitCode: 3 }))).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      message: expect.stringContaining('exit code 3'),
    })
  })

  it('that is a failure keeps its words', () => {
    const status = { kind: 'failed', message: 'no such program' } as const
    expect(parseExitStatus(formatExitStatus(status))).toEqual(status)
  })

  it.each([
    '',
    'null',
    '[]',
    '{}',
    '{"status":"Maybe"}',
    '{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"x"}]}}',
  ])('%j is none', (text) => {
    expect(parseExitStatus(text)).toBeNull()
  })
})

describe('a terminal size', () => {
  it('is read as it was written', () => {
    const size = { width: 80, height: 24 }
    expect(parseTerminalSize(formatTerminalSize(size))).toEqual(size)
  })

  it('is read as other clients than kubectl write it', () => {
    expect(parseTerminalSize('{"height":24,"width":80}')).toEqual({ width: 80, height: 24 })
  })

  it.each([
    '',
    '{}',
    'null',
    '{"Width":-1,"Height":1}',
    '{"Width":1.5,"Height":1}',
    '{"Width":65536,"Height":1}',
  ])('%j is none', (text) => {
    expect(parseTerminalSize(text)).toBeNull()
  })
})
