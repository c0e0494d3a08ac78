import { describe, expect, it } from 'vitest'
import { type Caption, captionLine, helpLines, timeText } from './screen.ts'
import { initialPlayer, type PlayerState } from './state.ts'

const look = { columns: 80, colour: false, unicode: true }
const caption: Caption = {
  title: 'alice in west: team/web-0',
  durationMs: 83_000,
  note: '',
  cropped: null,
}
const playing: PlayerState = { ...initialPlayer(1), positionMs: 12_900 }

describe('the last line', () => {
  it('tells what is played, where it is, and how to learn more', () => {
    expect(captionLine(playing, caption, look)).toBe(
      ' ▶  00:12 / 01:23  alice in west: team/web-0  ? keys',
    )
  })

  it('tells speed, notes and what is not shown, and nothing that could move a cursor', () => {
    expect(
      captionLine(
        { ...playing, kind: 'paused', speed: 2 },
        { ...caption, durationMs: null, note: 'bob\u001b[2J joined', cropped: 'a part of 120x40' },
        { ...look, unicode: false },
      ),
    ).toBe(' ||  00:12  2x  bob\ufffd[2J joined  alice in west: team/web-0  a part of 120x40')
  })

  it.each([1, 5, 10, 20, 40])('fits into %i columns', (columns) => {
    expect(captionLine(playing, caption, { ...look, columns }).length).toBeLessThanOrEqual(columns)
  })

  it('has a sign for each thing that the player may be about', () => {
    const signs = (['playing', 'paused', 'stepping', 'ended'] as const).map(
      (kind) => captionLine({ ...initialPlayer(1), kind }, caption, look)[1],
    )
    expect(signs).toEqual(['▶', '‖', '‖', '■'])
  })
})

it('the keys are told one a line', () => {
  expect(helpLines(look).join('\n')).toContain('  space       pause, go on')
})

it.each([
  [0, '00:00'],
  [61_999, '01:01'],
  [3_723_000, '1:02:03'],
])('%i ms are %s', (ms, text) => {
  expect(timeText(ms)).toBe(text)
})
