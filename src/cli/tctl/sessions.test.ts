import { describe, expect, it } from 'vitest'
import { FakeApi, type FakeHandlers, refusal } from '../../../test/support/fake-api.ts'
import { FakeIo, tctl } from '../../../test/support/fake-io.ts'
import type { SessionResource } from '../../contract/index.ts'

const ID = '2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11'
const session: SessionResource = {
  session_id: ID,
  kind: 'exec',
  user: 'joe',
  kube_cluster: 'prod',
  namespace: 'payments',
  pod: 'web-0',
  container: 'app',
  node: 'node-1',
  image: 'web:1',
  command: ['sh', '-c', 'sleep 100'],
  tty: true,
  protocol: 'v5.channel.k8s.io',
  address: '192.0.2.7:4711',
  started: '2026-01-31T09:00:00.123Z',
  recording: true,
  server_id: '0b6d3c5e-8f0a-4f4e-9d0e-6a1f3c1e2b7a',
}

/** What a command prints, and what it asked for. */
async function ran(
  argv: readonly string[],
  handlers: FakeHandlers,
): Promise<{ code: number; out: string; err: string }> {
  const io = new FakeIo()
  const code = await tctl(new FakeApi(handlers), ['sessions', ...argv], io)
  return { code, out: io.out, err: io.err }
}

describe('tctl sessions ls', () => {
  it('shows which sessions go on, of every page', async () => {
    const asked: unknown[] = []
    const { code, out } = await ran(['ls'], {
      'sessions.list': ({ query }) => {
        asked.push(query)
        return asked.length === 1
          ? { items: [session], next: 'more' }
          : {
              items: [{ ...session, session_id: 'other', command: [], kind: 'attach' }],
              next: null,
            }
      },
    })
    expect(code).toBe(0)
    expect(asked).toEqual([{ limit: '1000' }, { limit: '1000', after: 'more' }])
    expect(out.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['ID', 'Kind', 'Created', 'Hostname', 'Address', 'Login', 'Command'],
      expect.any(Array),
      [
        ID,
        'k8s exec',
        '2026-01-31T09:00:00Z',
        'prod/payments/web-0',
        '192.0.2.7:4711',
        'joe',
        'sh -c sleep 100',
      ],
      [
        'other',
        'k8s attach',
        '2026-01-31T09:00:00Z',
        'prod/payments/web-0',
        '192.0.2.7:4711',
        'joe',
      ],
      [''],
    ])
  })

  it.each([
    [['--kind=kube'], {}],
    [['--kind=k8s'], {}],
    [['--kind=portforward'], { kind: 'portforward' }],
    [['--user=joe', '--kube-cluster=prod'], { user: 'joe', kube_cluster: 'prod' }],
  ])('asks by %j for what is wanted alone', async (argv, query) => {
    const asked: unknown[] = []
    await ran(['ls', ...argv], {
      'sessions.list': (call) => {
        asked.push(call.query)
        return { items: [], next: null }
      },
    })
    expect(asked).toEqual([{ limit: '1000', ...query }])
  })

  it('tells programs everything', async () => {
    const { out } = await ran(['ls', '--format=json'], {
      'sessions.list': () => ({ items: [session], next: null }),
    })
    expect(JSON.parse(out)).toEqual([session])
  })

  it('names the kinds that there are', async () => {
    const { code, err } = await ran(['ls', '--kind=ssh'], {})
    expect(code).toBe(2)
    expect(err).toContain('give one of kube, exec, attach, portforward')
  })

  it('lets nothing of a command reach the terminal but characters', async () => {
    const { out } = await ran(['ls'], {
      'sessions.list': () => ({
        items: [{ ...session, command: ['\u001b]0;pwned\u0007', 'x'.repeat(100)] }],
        next: null,
      }),
    })
    expect(out).not.toContain('\u001b')
    expect(out).toContain('…')
  })
})

describe('tctl sessions rm', () => {
  it('ends a session with a message, and says whose it was', async () => {
    const asked: unknown[] = []
    const { code, out } = await ran(['rm', ID, '--message=maintenance begins'], {
      'sessions.remove': ({ params, body }) => {
        asked.push([params, body])
        return { session, ended: true }
      },
    })
    expect([code, out]).toEqual([0, `session ${ID} of joe in prod/payments/web-0 has ended\n`])
    expect(asked).toEqual([[{ id: ID }, { message: 'maintenance begins' }]])
  })

  it('is one line, whatever the pod is called', async () => {
    const { out } = await ran(['rm', ID], {
      'sessions.remove': () => ({ session: { ...session, pod: 'web\nall is well' }, ended: true }),
    })
    expect(out).toBe(`session ${ID} of joe in prod/payments/web\ufffdall is well has ended\n`)
  })

  it('says what happens when the service does not answer', async () => {
    const { code, out, err } = await ran(['rm', ID], {
      'sessions.remove': () => ({ session, ended: false }),
    })
    expect(code).toBe(0)
    expect(out).toContain('is to end')
    expect(err).toContain(`service ${session.server_id} does not answer`)
    expect(err).toContain('tctl sessions ls')
  })

  it('fails with the words of the server when there is none', async () => {
    const { code, err } = await ran(['rm', ID], {
      'sessions.remove': () => {
        throw refusal(404, 'NOT_FOUND', `no session ${ID} goes on`)
      },
    })
    expect(code).toBe(1)
    expect(err).toContain(`no session ${ID} goes on`)
  })

  it.each([
    [['rm', 'web-0'], 'web-0 is no id of a session'],
    [['rm', ID, '--message=two\nlines'], '--message is one line'],
    [['rm', ID, `--message=${'x'.repeat(513)}`], '--message is one line'],
  ])('asks nobody about %j', async (argv, words) => {
    const { code, err } = await ran(argv, {})
    expect(code).toBe(2)
    expect(err).toContain(words)
  })
})
