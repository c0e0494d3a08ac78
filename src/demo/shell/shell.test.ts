import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteQueue } from './byte-queue.ts'
import { FileSystem, resolvePath } from './file-system.ts'
import { parseScript, SyntaxProblem } from './parse-script.ts'
import { isKnownProgram, Shell } from './shell.ts'
import { Terminal } from './terminal.ts'

interface Ran {
  readonly out: string
  readonly err: string
  readonly status: number
}

async function run(
  argv: readonly string[],
  stdin = '',
  prompt: { show(text: string): Promise<void> } | null = null,
): Promise<Ran> {
  const input = new ByteQueue()
  input.push(Buffer.from(stdin))
  input.end()
  const out: Buffer[] = []
  const err: Buffer[] = []
  const shell = new Shell(
    {
      hostname: 'pod-1',
      variables: { GREETING: 'hello  world', EMPTY: '' },
      files: new FileSystem({ '/etc/motd': 'one\ntwo\n' }),
      nowMs: () => Date.UTC(2026, 10, 25),
      sleep: async () => {},
    },
    {
      stdin: input,
      out: async (data) => void out.push(data),
      err: async (data) => void err.push(data),
      signal: new AbortController().signal,
    },
  )
  const status = await shell.exec(argv, prompt)
  return { out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString(), status }
}

const script = (text: string, stdin = ''): Promise<Ran> => run(['sh', '-c', text], stdin)

describe('the shell', () => {
  it('lets a terminal into the shell that takes its place, as k9s asks for one', async () => {
    const shown: string[] = []
    const terminal = { show: async (text: string) => void shown.push(text) }
    const line = 'command -v bash >/dev/null && exec bash || exec sh'
    const { out, status } = await run(['sh', '-c', line], 'echo typed\nexit 4\n', terminal)
    expect({ out, status }).toEqual({ out: 'typed\n', status: 4 })
    expect(shown).toEqual(['demo@pod-1:/$ ', 'demo@pod-1:/$ '])
  })

  it.each([
    ['echo a b', 'a b\n'],
    ['echo  "a  b"  \'c  d\'', 'a  b c  d\n'],
    ['echo $GREETING "$GREETING" \'$GREETING\'', 'hello world hello  world $GREETING\n'],
    ['echo a$EMPTY"b"', 'ab\n'],
    ['echo "" $EMPTY x', ' x\n'],
    ['echo -n x; echo -e "a\\tb"', 'xa\tb\n'],
    ['false || echo no && echo yes', 'no\nyes\n'],
    ['true && false; echo $?', '1\n'],
    ['nosuch 2>/dev/null; echo ${?}', '127\n'],
    ['X=1; echo $X; export Y=2; sh -c "echo $X$Y"', '1\n12\n'],
    ['command -v bash; command -v cd; command -v nosuch || echo none', '/bin/bash\ncd\nnone\n'],
    ['command echo a; exec echo b; echo c', 'a\nb\n'],
    ['command -v nosuch >/dev/null && exec bash || exec echo else', 'else\n'],
    ['sh -c "exec echo inner"; echo outer', 'inner\nouter\n'],
    ['cat /etc/motd | head -n 1', 'one\n'],
    ['seq 3 | tail -n 1 | wc -l', '1\n'],
    ['cat < /etc/motd | wc -c', '8\n'],
    ['cd /etc; pwd; cd ..; pwd', '/etc\n/\n'],
    ['echo a > /tmp/x; echo b >> /tmp/x; cat /tmp/x; ls /tmp', 'a\nb\nx\n'],
    ['echo e >&2; echo f 2>&1', 'f\n'],
    ['[ -f /etc/motd ] && [ a = a ] && test 1 -eq 1 && echo all', 'all\n'],
    ['printf "%s-%d\\n" a 7', 'a-7\n'],
    ['echo one # not two', 'one\n'],
    ['echo a;\necho b\n', 'a\nb\n'],
    ['hostname; whoami; date +%s', 'pod-1\ndemo\n1795564800\n'],
    ['exit 0; echo never', ''],
  ])('%s', async (text, out) => {
    expect((await script(text)).out).toBe(out)
  })

  it.each([
    ['exit 3', 3],
    ['sh -c "exit 4"', 4],
    ['false', 1],
    ['exit 256', 0],
    ['nosuch', 127],
    ['sh -c "exit 5" || exit 6', 6],
    ['echo "open', 2],
    ['echo a &', 2],
    ['echo $(id)', 2],
    ['| echo', 2],
    ['cat /nosuch', 1],
  ])('%s ends with %i', async (text, status) => {
    expect((await script(text)).status).toBe(status)
  })

  it('runs programs without a shell, with their directory or without', async () => {
    expect(await run(['/bin/echo', 'a', '$HOME'])).toEqual({ out: 'a $HOME\n', err: '', status: 0 })
    expect(['sh', '/bin/bash', 'cat', '[', '/usr/bin/env'].every(isKnownProgram)).toBe(true)
    expect(['constructor', 'node', '/bin/../sh', ''].some(isKnownProgram)).toBe(false)
  })

  it('reads commands from its input, and leaves the rest to them', async () => {
    expect(await run(['sh'], 'echo a\ncat\nrest\nof it')).toEqual({
      out: 'a\nrest\nof it',
      err: '',
      status: 0,
    })
    expect((await run(['sh'], 'echo "a\nb"\nexit 9\n')).status).toBe(9)
  })

  it('passes bytes through cat as they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
        expect((await run(['cat'], text)).out).toBe(Buffer.from(text).toString())
      }),
      { numRuns: 50 },
    )
  })

  it('keeps within its files, whatever the path', () => {
    expect(resolvePath('/a/b', '../../../../etc/./x//y')).toBe('/etc/x/y')
    const files = new FileSystem({})
    expect(files.write('/nosuch/x', Buffer.from('x'), false)).toBe('No such file or directory')
    expect(files.write('/tmp/x', Buffer.alloc(300_000), false)).toContain('No space left')
  })

  it('reads any text or says what is wrong with it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'ab $\'"\\;|&<>{}()?\n2#'.split('')) }),
        (text) => {
          try {
            parseScript(text)
          } catch (error) {
            expect(error).toBeInstanceOf(SyntaxProblem)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('the terminal', () => {
  function terminal(running = false): {
    typed: (text: string) => string
    lines: () => Promise<string | null>
  } {
    const shown: string[] = []
    const tty = new Terminal({
      write: async (data) => void shown.push(data.toString()),
      onInterrupt: () => running,
      onRoom: () => {},
    })
    return {
      typed(text) {
        shown.length = 0
        tty.type(Buffer.from(text))
        return shown.join('')
      },
      lines: async () => (await tty.input.read(new AbortController().signal))?.toString() ?? null,
    }
  }

  it('shows what is typed, and gives it on at Enter', async () => {
    const tty = terminal()
    expect(tty.typed('ab\x7fc\r')).toBe('ab\b \bc\r\n')
    expect(await tty.lines()).toBe('ac\n')
  })

  it('forgets a line at ctrl-u, skips arrows, and shows no control characters', async () => {
    const tty = terminal()
    tty.typed('wrong\x15\x1b[A\x1bOBright\x01\r')
    expect(await tty.lines()).toBe('right\n')
  })

  it('asks anew at ctrl-c when nothing ran, and ends at ctrl-d', async () => {
    const tty = terminal()
    expect(tty.typed('x\x03')).toBe('x^C\r\n')
    expect(await tty.lines()).toBe('\n')
    tty.typed('\x04')
    expect(await tty.lines()).toBeNull()
  })
})

describe('a byte queue', () => {
  it('says when it is full, and when there is room again', async () => {
    let room = 0
    const queue = new ByteQueue(() => {
      room += 1
    })
    expect(queue.push(Buffer.alloc(200_000))).toBe(true)
    expect(queue.push(Buffer.alloc(200_000))).toBe(false)
    await queue.read(new AbortController().signal)
    expect(room).toBe(1)
  })

  it('gives null to who waits when it ends, or when he gives up', async () => {
    const queue = new ByteQueue()
    const stop = new AbortController()
    const given = queue.read(stop.signal)
    stop.abort()
    expect(await given).toBeNull()
    const waiting = queue.read(new AbortController().signal)
    queue.end()
    expect(await waiting).toBeNull()
  })
})
