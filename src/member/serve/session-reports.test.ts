import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SessionsReport } from '../../contract/index.ts'
import { silentLogger } from '../../core/index.ts'
import type { MemberCall } from '../ports.ts'
import { SESSION_REFUSED_MS } from './limits.ts'
import { type LiveSession, SessionReports } from './session-reports.ts'

const live = (sessionId: string, but: Partial<LiveSession> = {}): LiveSession => ({
  sessionId,
  kind: 'exec',
  user: 'alice',
  kubeCluster: 'west',
  namespace: 'team',
  pod: 'web-0',
  container: 'main',
  node: '',
  image: '',
  command: ['sh'],
  tty: true,
  protocol: 'SPDY/3.1',
  address: '10.0.0.1:4711',
  startedMs: 1000,
  recording: false,
  ...but,
})

type Answer = { known: boolean; refused: { session_id: string; message: string }[] }

describe('SessionReports', () => {
  let sessions: LiveSession[]
  let listener: () => void
  let said: SessionsReport[]
  let answer: (report: SessionsReport) => Answer
  let reports: SessionReports
  let aheadMs: number
  beforeEach(() => {
    aheadMs = 0
    sessions = []
    said = []
    answer = () => ({ known: true, refused: [] })
    reports = new SessionReports({
      call: (async (_name: string, { body }: { body: SessionsReport }) => {
        said.push(body)
        return answer(body)
      }) as unknown as MemberCall,
      sessions: {
        list: () => sessions,
        onChange: (heard) => {
          listener = heard
          return () => {
            listener = () => {}
          }
        },
      },
      clock: { now: () => Date.now() + aheadMs },
      log: silentLogger,
    })
  })
  afterEach(() => reports[Symbol.asyncDispose]())

  const become = (...next: LiveSession[]): void => {
    sessions = next
    listener()
  }
  const began = (): string[][] =>
    said.map((report) => report.began.map(({ session_id: id }) => id)).filter((ids) => ids.length)
  const ended = (): string[] => said.flatMap((report) => report.ended)

  it('tells what began and what ended, each once, in words that are counted', async () => {
    become(live('1'), live('2'))
    await expect.poll(began).toEqual([['1', '2']])
    become(live('2'), live('3'))
    await expect.poll(began).toEqual([['1', '2'], ['3']])
    expect(ended()).toEqual(['1'])
    expect(said.map(({ number }) => number)).toEqual(said.map((_, index) => index))
    expect(new Set(said.map(({ series }) => series)).size).toBe(1)
  })

  it('tells thousands in several words', async () => {
    become(...Array.from({ length: 1000 }, () => live(randomUUID())))
    await expect.poll(() => began().flat().length).toBe(1000)
    expect(Math.max(...began().map((ids) => ids.length))).toBe(200)
  })

  it('tells everything anew to who knows nothing of it', async () => {
    become(live('1'))
    await expect.poll(began).toEqual([['1']])
    let isForgetful = true
    answer = () => {
      const known = !isForgetful
      isForgetful = false
      return { known, refused: [] }
    }
    become(live('1'), live('2'))
    await expect.poll(began).toEqual([['1'], ['2'], ['1', '2']])
    expect(said.at(-1)).toMatchObject({ number: 0 })
    expect(said.at(-1)?.series).not.toBe(said[0]?.series)
  })

  it('tells that a session ended that began and ended between two words', async () => {
    await expect.poll(() => said.length).toBe(1)
    reports.release('short')
    await expect.poll(ended).toEqual(['short'])
  })

  it('goes on with the others when one is refused', async () => {
    answer = ({ began: told }) => ({
      known: true,
      refused: told
        .filter(({ session_id: id }) => id === 'foreign')
        .map(({ session_id }) => ({ session_id, message: 'no' })),
    })
    become(live('foreign'), live('1'))
    await expect.poll(began).toEqual([['foreign', '1']])
    become(live('foreign'), live('1'), live('2'))
    await expect.poll(began).toEqual([['foreign', '1'], ['2']])
  })

  it.each([
    ['after a while', SESSION_REFUSED_MS],
    ['when the clock was set back', -3_600_000],
  ])('tells one that was refused again %s', async (_, stepMs) => {
    answer = () => ({ known: true, refused: [{ session_id: '1', message: 'not yet' }] })
    become(live('1'))
    await expect.poll(began).toEqual([['1']])
    answer = () => ({ known: true, refused: [] })
    become(live('1'), live('2'))
    await expect.poll(began).toEqual([['1'], ['2']])
    aheadMs = stepMs
    become(live('1'), live('2'), live('3'))
    await expect.poll(began).toEqual([['1'], ['2'], ['1', '3']])
  })

  it('sends no more than the auth service takes', async () => {
    become(
      live('1', { image: 'i'.repeat(5000), command: ['x'.repeat(5000)], pod: 'p'.repeat(300) }),
    )
    await expect.poll(began).toEqual([['1']])
    const [session] = said.flatMap((report) => report.began)
    expect(session?.image).toHaveLength(1024)
    expect(session?.pod).toHaveLength(253)
    expect(session?.command.join('')).toHaveLength(512)
  })

  it('says at its end that there are none any more', async () => {
    become(live('1'))
    await expect.poll(began).toEqual([['1']])
    await reports[Symbol.asyncDispose]()
    expect(said.at(-1)).toMatchObject({ number: 0, began: [], ended: [] })
  })
})
