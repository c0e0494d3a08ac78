import { describe, expect, test } from 'vitest'
import { parseCast, plainWords } from './parse-cast.ts'

const HEAD = '{"version":2,"width":80,"height":24}'

describe('an asciicast of ours', () => {
  test('is given to the player without what only we know', () => {
    const cast = parseCast(
      [
        HEAD,
        '[0.5,"o","$ "]',
        '[1,"o","no such file\\r\\n"]',
        '[1,"e","no such "]',
        '[1.05,"e","file\\n"]',
        '[2,"e","again"]',
        '[2.5,"m","bob joined"]',
        '[3,"r","100x30"]',
        '',
      ].join('\n'),
    )
    expect(cast).toEqual({
      text: `${HEAD}\n[0.5,"o","$ "]\n[1,"o","no such file\\r\\n"]\n[2.5,"m","bob joined"]\n[3,"r","100x30"]\n`,
      moments: [
        { atMs: 1000, playedMs: 1000, kind: 'stderr', text: 'no such file\n' },
        { atMs: 2000, playedMs: 2000, kind: 'stderr', text: 'again' },
        { atMs: 2500, playedMs: 2500, kind: 'note', text: 'bob joined' },
      ],
      durationMs: 3000,
      silent: false,
    })
  })

  test('of a session that printed nothing is silent', () => {
    expect(parseCast(`${HEAD}\n[1,"m","ended with 0"]\n`)).toMatchObject({
      silent: true,
      moments: [{ text: 'ended with 0' }],
    })
  })

  test('knows where in the player a moment is, whose pauses are shorter', () => {
    const lines = [
      '[1,"o","a"]',
      '[61,"m","late"]',
      '[61,"e","x"]',
      '[71,"o","b"]',
      '[72,"m","end"]',
    ]
    expect(parseCast([HEAD, ...lines].join('\n')).moments.map(({ playedMs }) => playedMs)).toEqual([
      4000, 4000, 8000,
    ])
  })

  test('has a list of moments that ends somewhere', () => {
    const lines = Array.from({ length: 2000 }, (_, at) => `[${at},"m","x"]`)
    expect(parseCast([HEAD, ...lines].join('\n')).moments).toHaveLength(500)
  })
})

test('the last note has its place, however many moments come before it', () => {
  const lines = Array.from({ length: 600 }, (_, at) => `[${at},"e","x"]`)
  const { moments } = parseCast([HEAD, ...lines, '[700,"m","its end is missing"]'].join('\n'))
  expect(moments).toHaveLength(500)
  expect(moments.at(-1)).toMatchObject({ kind: 'note', text: 'its end is missing' })
})

test('words are shown without what moves cursors or turns letters around', () => {
  expect(plainWords('\u001b[31mred\u001b[0m\u001b]0;t\u0007 \u202eok\u0007\r\n')).toBe('red ok')
})
